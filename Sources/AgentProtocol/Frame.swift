/// One message on the control connection, before its payload is decoded.
///
/// | bytes | field |
/// |---|---|
/// | 0–3 | payload length, at most `Limits.payload`, of the host's frames `Limits.requestPayload` |
/// | 4–5 | type (`MessageType`) |
/// | 6–7 | 0 |
/// | 8–11 | request: a reply repeats its request's number; 0 in Hello and events |
/// | 12… | payload |
///
/// All integers are little-endian.
public struct Frame: Equatable, Sendable {
    /// In bytes.
    public static let headerLength = 12

    /// What the payload is.
    public let type: MessageType
    /// The request's number, 0 in Hello and events.
    public let request: UInt32
    /// The encoded message.
    public let payload: [UInt8]

    /// Takes the fields as they are; for tests, and for what was read.
    public init(type: MessageType, request: UInt32, payload: [UInt8]) {
        self.type = type
        self.request = request
        self.payload = payload
    }

    /// The bytes of a frame with this message. Throws when a field or the whole is over its limit.
    public static func bytes<Content: Message>(of message: Content, request: UInt32 = 0) throws(ProtocolError)
        -> [UInt8]
    {
        var encoder = MessageEncoder()
        message.encode(into: &encoder)
        return try bytes(of: Content.type, encoder, request: request)
    }

    /// The bytes of a frame with what was encoded. Not generic: it is there once for all types of messages.
    @inline(never)
    static func bytes(
        of type: MessageType, _ encoder: MessageEncoder, request: UInt32
    ) throws(ProtocolError) -> [UInt8] {
        if let violation = encoder.violation { throw violation }
        let payload = encoder.bytes
        let limit = type.isRequest ? Limits.requestPayload : Limits.payload
        guard payload.count <= limit else { throw .frameTooLong(length: payload.count, limit: limit) }
        var header = MessageEncoder()
        header.integer(UInt32(payload.count))
        header.integer(type.rawValue)
        header.integer(UInt16(0))
        header.integer(request)
        return header.bytes + payload
    }

    /// The frame's message, which must be of this type and fill the payload exactly.
    public func message<Content: Message>(_ content: Content.Type = Content.self) throws(ProtocolError) -> Content {
        var decoder = try decoder(for: Content.type)
        let message = try Content(decoding: &decoder)
        try decoder.end()
        return message
    }
}

extension Frame {
    /// The payload to decode, which must be this type's. Not generic: it is there once for all types of messages.
    @inline(never)
    private func decoder(for expected: MessageType) throws(ProtocolError) -> MessageDecoder {
        guard type == expected else { throw .unexpectedType(type.rawValue, expected: expected.rawValue) }
        return MessageDecoder(payload)
    }
}

/// Cuts a stream of bytes into frames. The reader gives it what came and takes frames until there is none; it then
/// holds less than one frame. After an error it has nothing more to give and the connection is to be closed.
public struct FrameDecoder: Sendable {
    private var buffer = FrameBuffer()
    private let maxPayload: Int

    /// Of a stream that begins now.
    ///
    /// - Parameter maxPayload: what the peer's frames may carry, in bytes; the agent's by default.
    public init(maxPayload: Int = Limits.payload) { self.maxPayload = maxPayload }

    /// Bytes that wait for the rest of their frame.
    public var pendingBytes: Int { buffer.count }

    /// Takes bytes as they came, any number of them; after an error they are dropped.
    public mutating func append(_ bytes: ArraySlice<UInt8>) { buffer.append(bytes) }

    /// The next whole frame, if it has come.
    public mutating func next() throws(ProtocolError) -> Frame? {
        let most = maxPayload
        return try buffer.next(
            headerLength: Frame.headerLength,
            { decoder throws(ProtocolError) in try Self.readHeader(&decoder, atMost: most) }, Self.makeFrame)
    }

    private typealias Header = (type: MessageType, request: UInt32)

    private static func readHeader(
        _ decoder: inout MessageDecoder, atMost maxPayload: Int
    ) throws(ProtocolError) -> (header: Header, payloadLength: Int) {
        let length = Int(try decoder.integer(UInt32.self))
        let rawType: UInt16 = try decoder.integer()
        let reserved: UInt16 = try decoder.integer()
        let request: UInt32 = try decoder.integer()
        guard length <= maxPayload else { throw .frameTooLong(length: length, limit: maxPayload) }
        guard reserved == 0 else { throw .reservedNotZero(value: reserved) }
        guard let type = MessageType(rawValue: rawType) else { throw .unknownType(rawType) }
        return ((type, request), length)
    }

    private static func makeFrame(_ header: Header, _ payload: [UInt8]) throws(ProtocolError) -> Frame {
        Frame(type: header.type, request: header.request, payload: payload)
    }
}
