/// The host's side of a control connection, without its input and output: bytes of the agent go in, what they mean
/// comes out. Everything that a hostile guest can send ends in an error value; after one, close the connection.
///
/// Order: Hello comes first and once, then replies (once for each request made) and events.
public struct HostConversation: Sendable {
    /// What the agent said.
    public enum Incoming: Sendable {
        /// The first message, once.
        case hello(Hello)
        /// The answer to this request: its `Reply` type by `frame.message()`, never a `Failure`.
        case reply(request: UInt32, Frame)
        /// The answer to this request that it could not be done.
        case failure(request: UInt32, Failure)
        /// A process has ended.
        case exited(Exited)
        /// A container met its memory limit.
        case outOfMemory(OutOfMemory)
        /// A zone has more memory online.
        case zoneChanged(ZoneChanged)
        /// A template stands still, or is refused.
        case templateReached(TemplateReached)
        /// A container comes near the end of its zone's memory.
        case memoryWanted(MemoryWanted)
        /// Blocks of a container's zone are free.
        case memoryReturned(MemoryReturned)
    }

    private var decoder = FrameDecoder()
    private var outstanding: [UInt32: MessageType] = [:]
    private var lastRequest: UInt32 = 0
    private var greeted = false

    /// Of a connection that begins now.
    public init() {}

    /// Requests that wait for their answer.
    public var outstandingCount: Int { outstanding.count }

    /// The number and the bytes of a request that is now outstanding.
    public mutating func begin<Content: Request>(
        _ request: Content
    ) throws(ProtocolError) -> (number: UInt32, bytes: [UInt8]) {
        var number = lastRequest
        repeat { number = number == .max ? 1 : number + 1 } while outstanding[number] != nil
        let bytes = try Frame.bytes(of: request, request: number)
        lastRequest = number
        outstanding[number] = Content.Reply.type
        return (number, bytes)
    }

    /// Forgets a request that was not sent after all.
    public mutating func abandon(_ number: UInt32) { outstanding.removeValue(forKey: number) }

    /// Takes bytes that came from the agent; then call `next()` until it gives nil.
    public mutating func receive(_ bytes: ArraySlice<UInt8>) { decoder.append(bytes) }

    /// What the next whole frame means; nil until more bytes come. Throws what the agent did wrong: then it has nothing
    /// more to give.
    public mutating func next() throws(ProtocolError) -> Incoming? {
        guard let frame = try decoder.next() else { return nil }
        guard greeted else {
            let hello = try frame.message(Hello.self)
            greeted = true
            return .hello(hello)
        }
        switch frame.type {
        case .exited: return .exited(try frame.message())
        case .outOfMemory: return .outOfMemory(try frame.message())
        case .zoneChanged: return .zoneChanged(try frame.message())
        case .templateReached: return .templateReached(try frame.message())
        case .memoryWanted: return .memoryWanted(try frame.message())
        case .memoryReturned: return .memoryReturned(try frame.message())
        default: return try reply(frame)
        }
    }

    private mutating func reply(_ frame: Frame) throws(ProtocolError) -> Incoming {
        guard let expected = outstanding.removeValue(forKey: frame.request) else {
            throw .unknownRequest(frame.request)
        }
        if frame.type == .failure { return .failure(request: frame.request, try frame.message()) }
        guard frame.type == expected else {
            throw .unexpectedType(frame.type.rawValue, expected: expected.rawValue)
        }
        return .reply(request: frame.request, frame)
    }
}
