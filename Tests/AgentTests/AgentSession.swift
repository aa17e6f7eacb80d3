import AgentProtocol
import Glibc
import LinuxSystem
import SystemPackage
import Testing

/// The real agent as an ordinary process of this machine: containers without zones, streams over unix sockets. It needs
/// root and a version 2 control group hierarchy with all controllers, as a guest or the emulated host has.
final class AgentSession: @unchecked Sendable {
    /// The session of all tests. They are serialized, so it is used by one at a time.
    static let shared = Result { try AgentSession() }

    /// The directory of the test: sockets, root file systems.
    let directory: String
    private let socket: OwnedDescriptor
    /// In a guest under QEMU, or a process of this machine.
    let isGuest: Bool
    private var conversation = HostConversation()
    private var replies: [UInt32: Result<Frame, Failure>] = [:]
    private(set) var events: [HostConversation.Incoming] = []
    private var lastPort: UInt32 = 5000
    private var lastContainer: UInt32 = 0

    static let program = CurrentProcess.environment("CZONE_AGENT") ?? "build/bin/czone-agent"

    /// A guest kernel to boot the agent on; nil: it runs here.
    static let kernel = CurrentProcess.environment("CZONE_AGENT_KERNEL")

    /// Why the tests cannot run here; nil if they can.
    static var obstacle: String? {
        if getuid() != 0 { return "not root" }
        if !FileManager.exists("/sys/fs/cgroup/cgroup.controllers") { return "no version 2 control groups" }
        if !FileManager.exists(program) { return "no agent at \(program)" }
        return nil
    }

    init() throws {
        directory = "/run/agent-test-\(getpid())"
        for path in [directory, directory + "/root", directory + "/root/bin", directory + "/root/etc"] {
            mkdir(path, 0o755)
        }
        try TestRoot.fill(directory + "/root")
        if let kernel = AgentSession.kernel {
            isGuest = true
            socket = try TestGuest.boot(kernel: kernel, agent: AgentSession.program, share: directory)
        } else {
            isGuest = false
            socket = try AgentSession.startProcess(streams: directory)
        }
        try socket.setNonBlocking()
        guard case .hello = try waitUntil(seconds: 10, { $0.popEvent { _ in true } }) else {
            throw SystemError("get the agent's hello", .ioError)
        }
        _ = try call(
            Setup(
                wallClock: UInt64(time(nil)) * 1_000_000_000, entropy: [UInt8](repeating: 7, count: 32),
                hostname: "agent-test"))
    }

    private static func startProcess(streams: String) throws -> OwnedDescriptor {
        let (ours, theirs) = try UnixSocket.pair()
        let null = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        var launch = ProcessLaunch(
            program, arguments: ["czone-agent", "--socket", "\(theirs.rawValue)", "--streams", streams],
            environment: [], input: null, output: null, error: OwnedDescriptor(taking: dup(2)))
        launch.kept = [theirs]
        _ = try launch.start()
        return ours
    }

    /// Something in the test's directory, as the agent finds it.
    func tree(_ path: String) -> Tree {
        isGuest ? .share(tag: "test", path: path) : .guest(path: directory + "/" + path)
    }

    func newContainer() -> ContainerNumber {
        lastContainer += 1
        return ContainerNumber(lastContainer)
    }

    /// A port that the agent can connect to, and its listener.
    func listen() throws -> (port: UInt32, StreamListener) {
        lastPort += 1
        let listener = try isGuest ? StreamListener(port: lastPort) : StreamListener(path: "\(directory)/\(lastPort)")
        return (lastPort, listener)
    }

    // MARK: requests and events

    func send<Content: Request>(_ request: Content) throws -> UInt32 {
        let (number, bytes) = try conversation.begin(request)
        try socket.setNonBlocking(false)
        try socket.write(all: bytes)
        try socket.setNonBlocking()
        return number
    }

    func reply<Content: Request>(to number: UInt32, of type: Content.Type) throws -> Content.Reply {
        try waitUntil(seconds: 60) { $0.replies.removeValue(forKey: number) }.get().message()
    }

    /// Sends a request and waits for its answer; throws its `Failure`.
    func call<Content: Request>(_ request: Content) throws -> Content.Reply {
        try reply(to: send(request), of: Content.self)
    }

    func failure<Content: Request>(of request: Content) throws -> Failure? {
        do {
            _ = try call(request)
            return nil
        } catch let failure as Failure {
            return failure
        }
    }

    /// Waits for the end of a process.
    func exit(of container: ContainerNumber, _ process: ProcessNumber = .initial) throws -> Exited {
        let event = try waitUntil(seconds: 60) {
            $0.popEvent {
                if case .exited(let exited) = $0 {
                    exited.container == container && exited.process == process
                } else {
                    false
                }
            }
        }
        guard case .exited(let exited) = event else { throw SystemError("find the exit", .ioError) }
        return exited
    }

    func templateReached() throws -> TemplateReached {
        let event = try waitUntil(seconds: 60) { $0.popEvent { if case .templateReached = $0 { true } else { false } } }
        guard case .templateReached(let event) = event else { throw SystemError("find the event", .ioError) }
        return event
    }

    func outOfMemory() throws -> OutOfMemory {
        let event = try waitUntil(seconds: 60) { $0.popEvent { if case .outOfMemory = $0 { true } else { false } } }
        guard case .outOfMemory(let event) = event else { throw SystemError("find the event", .ioError) }
        return event
    }

    /// Whether the end of a container's first process was reported and not taken yet.
    func hasExited(_ container: ContainerNumber) -> Bool {
        events.contains { if case .exited(let exited) = $0 { exited.container == container } else { false } }
    }

    private func popEvent(
        _ wanted: (HostConversation.Incoming) -> Bool
    ) -> HostConversation.Incoming? {
        guard let index = events.firstIndex(where: wanted) else { return nil }
        return events.remove(at: index)
    }

    private func waitUntil<Value>(seconds: Int, _ condition: (AgentSession) throws -> Value?) throws -> Value {
        while true {
            if let value = try condition(self) { return value }
            let ready = try wait(for: [(socket, .readable)], timeoutInMilliseconds: CInt(seconds * 1000))
            guard !ready[0].isEmpty else { throw SystemError("get an answer in \(seconds) s", .timedOut) }
            let bytes = try socket.read(atMost: 65536)
            guard !bytes.isEmpty else { throw SystemError("go on: the agent has ended", .brokenPipe) }
            conversation.receive(bytes[...])
            while let incoming = try conversation.next() {
                switch incoming {
                case .reply(let number, let frame): replies[number] = .success(frame)
                case .failure(let number, let failure): replies[number] = .failure(failure)
                default: events.append(incoming)
                }
            }
        }
    }
}
