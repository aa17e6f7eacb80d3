public import LinuxSystem
public import SandboxProtocol

/// A connection to a sandbox, of one thread: events go out, and frames come back in any order of events.
public final class SandboxClient {
    private let connection: OwnedDescriptor
    private var received: ArraySlice<UInt8> = []

    /// Connects to the socket of a `czone-sandbox`.
    public init(socket path: String) throws(SystemError) {
        connection = try UnixSocket.connect(to: path, sendingWithinMilliseconds: 10_000)
    }

    /// Begins an event: a JSON array of the handler's arguments.
    public func start(_ event: UInt32, arguments: [UInt8]) throws(SystemError) {
        try connection.send(SandboxFrame(event: event, kind: .event, payload: arguments).encoded)
    }

    /// Begins several events at once.
    public func start(_ events: [(number: UInt32, arguments: [UInt8])]) throws(SystemError) {
        let frames = events.map { SandboxFrame(event: $0.number, kind: .event, payload: $0.arguments).encoded }
        try connection.send(Array(frames.joined()))
    }

    /// Answers an event's external call.
    public func answer(_ event: UInt32, call: Int, _ answer: ExternalAnswer) throws(SystemError) {
        let payload = SandboxFrame.payload(of: answer, to: call)
        try connection.send(SandboxFrame(event: event, kind: .answer, payload: payload).encoded)
    }

    /// The next frame; nil when the time is over or the sandbox has closed.
    public func next(by deadline: Deadline) throws -> SandboxFrame? {
        while true {
            if let frame = try SandboxFrame.take(from: &received, limit: SandboxFrame.maxPayload) { return frame }
            guard try connection.isReadable(by: deadline) else { return nil }
            let bytes = try connection.read(atMost: 256 << 10)
            if bytes.isEmpty { return nil }
            received += bytes
        }
    }
}
