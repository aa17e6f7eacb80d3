/// Opens relays: connections between ports of containers' loopbacks and the host.
///
/// The agent enters a container's network namespace for one call that makes a socket there, and leaves it at once: the
/// socket stays in it, the agent does not. There is one thread, so nothing else happens meanwhile.
final class RelayService {
    private let loop: PollLoop
    private let containers: GuestContainers
    private let transport: StreamTransport
    /// The agent's own network.
    private let network: Descriptor
    private let buffer = RelayBuffer()

    init(loop: PollLoop, containers: GuestContainers, transport: StreamTransport) throws(Failure) {
        self.loop = loop
        self.containers = containers
        self.transport = transport
        network = Descriptor(
            taking: try check(
                Kernel.open("/proc/self/ns/net", OpenFlag.read), .namespaces, "open the agent's own network"))
    }

    func relay(_ request: RelayConnection, _ caller: Caller) throws(Failure) {
        let container = try containers.get(request.container)
        guard container.life.isAlive, let process = container.initial else {
            let text = "reach port \(request.port) of \(request.container.description), which does not run"
            throw Failure(code: ErrorNumber.noProcess, step: .streams, text: text)
        }
        guard container.relays.count + container.ports.waitingCount < Limits.relays else {
            let text = "reach port \(request.port) of \(request.container.description): it has \(Limits.relays) relays"
            throw Failure(code: ErrorNumber.again, step: .streams, text: text)
        }
        switch request.opening {
        case .agent:
            let attempt = ConnectionAttempt(request, caller, until: Kernel.monotonicTime + request.nanoseconds)
            connect(attempt, process)
        case .container:
            let port = try listen(request.port, container, process)
            port.waiting.append(request.hostPort)
            take(port, container)
            caller.reply(Done())
        }
    }

    /// Makes a socket in a container's network.
    private func inNetwork(of process: ContainerProcess, _ body: () -> Int32) -> Int32 {
        let entered = Kernel.enterNamespaces(process.descriptor.rawValue, NamespaceFlag.network)
        guard entered >= 0 else { return entered }
        let result = body()
        // What the agent does next would be done in the container's network.
        if Kernel.enterNamespaces(network.rawValue, NamespaceFlag.network) < 0 { Kernel.exit(1) }
        return result
    }

    // MARK: the agent connects

    private func connect(_ attempt: ConnectionAttempt, _ process: ContainerProcess) {
        let raw = inNetwork(of: process) { Kernel.connectLoopback(port: attempt.request.port) }
        guard raw >= 0 else { return tryAgain(attempt, code: -raw) }
        let connection = Descriptor(taking: raw)
        loop.watch(raw, for: Ready.writable) { [self] _ in
            loop.forget(raw)
            let code = -Kernel.socketError(connection.rawValue)
            if code == 0 { join(connection, attempt) } else { tryAgain(attempt, code: code) }
        }
    }

    /// Nothing listens yet: a program that has just been started is about to. The first attempts are quick.
    private func tryAgain(_ attempt: ConnectionAttempt, code: Int32) {
        let number = attempt.request.container
        guard Kernel.monotonicTime < attempt.deadline else {
            let text = "reach port \(attempt.request.port) of \(number.description) in \(attempt.request.timeout) ms"
            return attempt.caller.reply(Failure(code: code, step: .streams, text: text))
        }
        let delay = attempt.delay
        attempt.delay = min(delay * 2, ConnectionAttempt.maxDelay)
        _ = loop.after(milliseconds: delay) { [self] in
            guard let container = containers.find(number), container.life.isAlive, let process = container.initial
            else {
                let text = "reach port \(attempt.request.port) of \(number.description): it has ended"
                return attempt.caller.reply(Failure(code: ErrorNumber.noProcess, step: .streams, text: text))
            }
            connect(attempt, process)
        }
    }

    private func join(_ connection: Descriptor, _ attempt: ConnectionAttempt) {
        do throws(Failure) {
            let container = try containers.get(attempt.request.container)
            try start(connection, to: attempt.request.hostPort, of: container)
            attempt.caller.reply(Done())
        } catch { attempt.caller.reply(error) }
    }

    // MARK: the container connects

    private func listen(
        _ number: UInt16, _ container: GuestContainer, _ process: ContainerProcess
    ) throws(Failure) -> RelayedPort {
        if let port = container.ports.first(where: { $0.number == number }) { return port }
        let raw = inNetwork(of: process) { Kernel.listenOnLoopback(port: number) }
        try check(raw, .streams, "listen on port \(number) of \(container.number.description)")
        let port = RelayedPort(number, Descriptor(taking: raw), loop)
        container.ports.append(port)
        return port
    }

    /// Joins what has connected with what waits for it. While nothing waits, connections stay in the port's backlog.
    private func take(_ port: RelayedPort, _ container: GuestContainer) {
        while let hostPort = port.waiting.first {
            let raw = Kernel.accept(port.socket.rawValue)
            // Nobody, or one that was given up before it was taken; the port reports the next.
            guard raw >= 0 else { break }
            port.waiting.removeFirst()
            try? start(Descriptor(taking: raw), to: hostPort, of: container)
        }
        port.watch(isWanted: !port.waiting.isEmpty) { [self] in take(port, container) }
    }

    private func start(
        _ connection: Descriptor, to hostPort: UInt32, of container: GuestContainer
    ) throws(Failure) {
        let host = try transport.connect(port: hostPort)
        let relay = ConnectionRelay(loop: loop, container: connection, host: host, buffer: buffer) { relay in
            container.relays.removeAll { $0 === relay }
        }
        container.relays.append(relay)
        relay.start()
    }
}

extension RelayConnection {
    fileprivate var nanoseconds: UInt64 { UInt64(timeout) * 1_000_000 }
}

extension [RelayedPort] {
    /// How many relays wait for a connection of the container's.
    fileprivate var waitingCount: Int { reduce(0) { $0 + $1.waiting.count } }
}

/// A connection that is being made, maybe for the tenth time.
private final class ConnectionAttempt {
    static let maxDelay: UInt32 = 16

    let request: RelayConnection
    let caller: Caller
    /// Monotonic, in nanoseconds.
    let deadline: UInt64
    /// Until the next attempt, in milliseconds.
    var delay: UInt32 = 1

    init(_ request: RelayConnection, _ caller: Caller, until deadline: UInt64) {
        self.request = request
        self.caller = caller
        self.deadline = deadline
    }
}

/// A port of a container's loopback on which the agent listens for the host.
final class RelayedPort {
    let number: UInt16
    let socket: Descriptor
    private let loop: PollLoop
    /// Host ports, each for one connection, in their order.
    var waiting: [UInt32] = []
    private var isWatched = false

    init(_ number: UInt16, _ socket: Descriptor, _ loop: PollLoop) {
        self.number = number
        self.socket = socket
        self.loop = loop
    }

    func watch(isWanted: Bool, _ ready: @escaping () -> Void) {
        guard isWanted != isWatched else { return }
        isWatched = isWanted
        if isWanted {
            loop.watch(socket.rawValue, for: Ready.readable) { _ in ready() }
        } else {
            loop.forget(socket.rawValue)
        }
    }

    func close() {
        waiting = []
        watch(isWanted: false) {}
    }
}
