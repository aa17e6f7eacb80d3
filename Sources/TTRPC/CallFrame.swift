public import NIOCore

/// A message on a ttrpc connection (containerd/ttrpc, PROTOCOL.md).
///
/// | bytes | field |
/// |---|---|
/// | 0–3 | payload length, big-endian, at most `CallFrame.maxPayload` |
/// | 4–7 | stream, big-endian: odd, chosen by the client, one for each call |
/// | 8 | type: 1 request, 2 response, 3 data |
/// | 9 | flags: 0 for a call with one answer |
/// | 10… | payload |
public struct CallFrame: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
        case request = 1
        case response = 2
        case data = 3
    }

    /// containerd's own limit, in bytes.
    public static let maxPayload = 4 << 20
    static let headerLength = 10

    public var stream: UInt32
    public var kind: Kind
    public var flags: UInt8
    public var payload: [UInt8]

    public init(stream: UInt32, kind: Kind, flags: UInt8 = 0, payload: [UInt8]) {
        self.stream = stream
        self.kind = kind
        self.flags = flags
        self.payload = payload
    }
}

/// What makes a connection useless: the peer speaks something else.
public enum CallFrameError: Error, Equatable, CustomStringConvertible {
    case tooLong(Int)
    case kind(UInt8)

    public var description: String {
        switch self {
        case .tooLong(let length): "a frame of \(length) bytes, expected at most \(CallFrame.maxPayload)"
        case .kind(let kind): "a frame of type \(kind), expected 1 to 3"
        }
    }
}

/// Cuts a stream of bytes into frames. Nothing is taken in for a frame that is too long.
public struct CallFrameDecoder: NIOSingleStepByteToMessageDecoder {
    public typealias InboundOut = CallFrame

    public init() {}

    public mutating func decode(buffer: inout ByteBuffer) throws -> CallFrame? {
        let start = buffer.readerIndex
        guard buffer.readableBytes >= CallFrame.headerLength,
            let length: UInt32 = buffer.getInteger(at: start), let stream: UInt32 = buffer.getInteger(at: start + 4),
            let rawKind: UInt8 = buffer.getInteger(at: start + 8), let flags: UInt8 = buffer.getInteger(at: start + 9)
        else { return nil }
        guard length <= UInt32(CallFrame.maxPayload) else { throw CallFrameError.tooLong(Int(length)) }
        guard let kind = CallFrame.Kind(rawValue: rawKind) else { throw CallFrameError.kind(rawKind) }
        guard buffer.readableBytes >= CallFrame.headerLength + Int(length) else { return nil }
        buffer.moveReaderIndex(forwardBy: CallFrame.headerLength)
        return CallFrame(stream: stream, kind: kind, flags: flags, payload: buffer.readBytes(length: Int(length)) ?? [])
    }

    public mutating func decodeLast(buffer: inout ByteBuffer, seenEOF: Bool) throws -> CallFrame? {
        // What is left is a part of a frame whose sender has gone.
        try decode(buffer: &buffer)
    }
}

public struct CallFrameEncoder: MessageToByteEncoder {
    public typealias OutboundIn = CallFrame

    public init() {}

    public func encode(data frame: CallFrame, out: inout ByteBuffer) throws {
        guard frame.payload.count <= CallFrame.maxPayload else { throw CallFrameError.tooLong(frame.payload.count) }
        out.writeInteger(UInt32(frame.payload.count))
        out.writeInteger(frame.stream)
        out.writeInteger(frame.kind.rawValue)
        out.writeInteger(frame.flags)
        out.writeBytes(frame.payload)
    }
}
