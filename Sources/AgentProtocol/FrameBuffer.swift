/// The bytes of a stream that wait to be cut into frames. After an error it holds nothing, takes nothing more and
/// throws that error again: the connection is to be closed.
public struct FrameBuffer: Sendable {
    private var bytes: [UInt8] = []
    private var start = 0
    private var failure: ProtocolError?

    /// Of a stream that begins now.
    public init() {}

    /// Bytes that wait.
    public var count: Int { bytes.count - start }

    /// Takes bytes as they came; after an error they are dropped.
    public mutating func append(_ more: some Sequence<UInt8>) {
        guard failure == nil else { return }
        if start > 0 {
            bytes.removeFirst(start)
            start = 0
        }
        bytes += more
    }

    /// Takes a frame from the front, once it is whole: `readHeader` gets its first `headerLength` bytes and says how
    /// many bytes of payload follow, which it has checked against their limit; `makeFrame` gets both.
    public mutating func next<Header, Frame>(
        headerLength: Int,
        _ readHeader: (inout MessageDecoder) throws(ProtocolError) -> (header: Header, payloadLength: Int),
        _ makeFrame: (Header, [UInt8]) throws(ProtocolError) -> Frame
    ) throws(ProtocolError) -> Frame? {
        if let failure { throw failure }
        do throws(ProtocolError) {
            guard count >= headerLength else { return nil }
            let payload = start + headerLength
            var decoder = MessageDecoder([UInt8](bytes[start..<payload]))
            let (header, payloadLength) = try readHeader(&decoder)
            guard bytes.count - payload >= payloadLength else { return nil }
            start = payload + payloadLength
            return try makeFrame(header, [UInt8](bytes[payload..<start]))
        } catch {
            self = FrameBuffer(failure: error)
            throw error
        }
    }

    private init(failure: ProtocolError) { self.failure = failure }
}
