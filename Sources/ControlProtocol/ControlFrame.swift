public import AgentProtocol

/// A message on a VM's control socket, which clients (the command line, the shim) and `czone-vm` share.
///
/// | bytes | field |
/// |---|---|
/// | 0–3 | payload length, at most `ControlLimits.payload` |
/// | 4–7 | request: chosen by the client, repeated in every answer to it |
/// | 8… | payload: one byte that says which message, then its fields as `MessageEncoder` writes them |
///
/// All integers are little-endian. Descriptors (SCM_RIGHTS) travel with a frame's first byte.
public struct ControlFrame<Content: ControlMessage>: Sendable {
    /// The number that the request has, and its replies.
    public let request: UInt32
    /// What it says.
    public let content: Content

    public init(request: UInt32, content: Content) {
        self.request = request
        self.content = content
    }

    /// The frame's bytes; throws where a field is over its limit.
    public func bytes() throws(ProtocolError) -> [UInt8] {
        var encoder = MessageEncoder()
        content.encode(into: &encoder)
        if let violation = encoder.violation { throw violation }
        guard encoder.bytes.count <= ControlLimits.payload else {
            throw .frameTooLong(length: encoder.bytes.count, limit: ControlLimits.payload)
        }
        var header = MessageEncoder()
        header.integer(UInt32(encoder.bytes.count))
        header.integer(request)
        return header.bytes + encoder.bytes
    }
}

/// Something that travels on the control socket: an enumeration of messages, its first byte the case.
public protocol ControlMessage: Sendable {
    /// Appends the payload, field by field, as `init(decoding:)` takes it apart.
    func encode(into encoder: inout MessageEncoder)
    /// Takes the payload apart; every length and value is checked.
    init(decoding decoder: inout MessageDecoder) throws(ProtocolError)
}

/// Numbers that both ends of a control socket agree on.
public enum ControlLimits {
    /// The greatest payload of a frame in bytes: a container's specification and a little more.
    public static let payload = Limits.requestPayload + (1 << 20)
    /// A container's id or name, a function's name, a tenant, in bytes.
    public static let name = 256
    /// A reason or description in bytes.
    public static let text = 4096
    /// Descriptors that may travel with a request.
    public static let descriptors = 16
}

/// Cuts a stream of bytes into frames; after an error it has nothing more to give and the connection is to be closed.
public struct ControlFrameDecoder<Content: ControlMessage>: Sendable {
    private var buffer = FrameBuffer()

    /// Nothing has come yet.
    public init() {}

    /// Bytes that wait for the rest of their frame.
    public var pendingBytes: Int { buffer.count }

    /// Takes what has come next, whole frames or parts of them.
    public mutating func append(_ bytes: some Sequence<UInt8>) { buffer.append(bytes) }

    /// The next whole frame, if it has come.
    public mutating func next() throws(ProtocolError) -> ControlFrame<Content>? {
        try buffer.next(headerLength: 8, Self.readHeader, Self.makeFrame)
    }

    private static func readHeader(
        _ decoder: inout MessageDecoder
    ) throws(ProtocolError) -> (header: UInt32, payloadLength: Int) {
        let length = Int(try decoder.integer(UInt32.self))
        let request: UInt32 = try decoder.integer()
        guard length <= ControlLimits.payload else {
            throw .frameTooLong(length: length, limit: ControlLimits.payload)
        }
        return (request, length)
    }

    private static func makeFrame(
        _ request: UInt32, _ payload: [UInt8]
    ) throws(ProtocolError) -> ControlFrame<Content> {
        var decoder = MessageDecoder(payload)
        let content = try Content(decoding: &decoder)
        try decoder.end()
        return ControlFrame(request: request, content: content)
    }
}
