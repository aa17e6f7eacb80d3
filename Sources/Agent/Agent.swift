/// The agent: what it knows of zones and containers, and the loop that drives it. One thread; nothing here waits but
/// the loop.
final class Agent {
    let loop: EventLoop
    let transport: StreamTransport
    /// The agent's process namespace, to come back to after a child was born in another.
    let ownProcessNamespace: Descriptor
    /// Monotonic time of the first instruction, in nanoseconds.
    let startedAt: UInt64
    let zones: ZoneTable
    var containers: [Container] = []
    var workers: [Worker] = []
    var images: [ImageDescription] = []
    var shares: [String] = []
    var isSetUp = false
    private(set) var connection: ControlConnection?
    let spareNetworks: SpareNetworks
    private let childSignals: Descriptor

    /// `socket`: an existing control connection, for tests.
    init(startedAt: UInt64, transport: StreamTransport, socket: Descriptor?) throws(Failure) {
        self.startedAt = startedAt
        self.transport = transport
        loop = try EventLoop()
        let own = Kernel.open("/proc/self/ns/pid", OpenFlag.read)
        ownProcessNamespace = Descriptor(taking: try check(own, .request, "open the process namespace"))
        childSignals = Descriptor(taking: try check(Kernel.openChildSignals(), .request, "receive SIGCHLD"))
        spareNetworks = SpareNetworks(loop: loop)
        zones = try ZoneTable(loop: loop)
        zones.wentOnline = { [self] zone in
            connection?.send(
                event: ZoneChanged(node: zone.description.node, onlineBytes: zone.onlineBytes))
        }
        loop.watch(childSignals.rawValue, for: Ready.readable) { [self] _ in reap() }
        connection = ControlConnection(
            loop: loop, given: socket,
            greet: { [self] connection in
                connection.send(
                    event: Hello(
                        connection: connection.count, isSetUp: isSetUp, startedAt: startedAt,
                        readyAt: Kernel.monotonicTime))
            },
            receive: { [self] frame, caller in receive(frame, caller) })
    }

    func container(_ number: ContainerNumber) throws(Failure) -> Container {
        guard let container = containers.first(where: { $0.number == number }) else {
            throw Failure(code: ErrorNumber.noEntry, step: .request, text: "find \(number.description)")
        }
        return container
    }

    func process(_ number: ProcessNumber, of container: ContainerNumber) throws(Failure) -> ContainerProcess {
        guard let process = try self.container(container)[number] else {
            let text = "find \(number.description) of \(container.description)"
            throw Failure(code: ErrorNumber.noProcess, step: .request, text: text)
        }
        return process
    }

    /// A container is no more: its group is removed, its zone is free.
    func forget(_ container: Container) {
        container.group.unwatch(loop: loop)
        _ = container.group.remove()
        if let zone = zones[container.node], zone.container == container.number { zone.container = nil }
        containers.removeAll { $0 === container }
    }

    // MARK: ends of processes

    private func reap() {
        Kernel.clearSignal(childSignals.rawValue)
        while let (id, status) = Kernel.reap() {
            for container in containers {
                guard let process = container.processes.first(where: { $0.id == id }) else { continue }
                ended(process, ExitStatus(rawValue: status), in: container)
                break
            }
        }
    }

    private func ended(_ process: ContainerProcess, _ status: ExitStatus, in container: Container) {
        // What it said last comes before its end.
        launchReported(process, in: container)
        container.processes.removeAll { $0 === process }
        process.input?.finish()
        if let launch = process.launch {
            loop.forget(launch.channel.rawValue)
            if launchFailed(process, launch, in: container) { return advanceDeletion(of: container) }
        }
        noticeOutOfMemory(container)
        if process.number == .initial {
            container.phase = .stopped
            container.exit = status
        }
        connection?.send(
            event: Exited(
                container: container.number, process: process.number, status: status,
                oomKilled: container.oomKills > 0, time: Kernel.wallClock))
        if process.number == .initial { beginEnd(of: container) }
        advanceDeletion(of: container)
    }

    /// Tells of kills for lack of memory that were not told of yet.
    func noticeOutOfMemory(_ container: Container) {
        let kills = container.group.oomKills
        guard kills > container.oomKills else { return }
        container.oomKills = kills
        connection?.send(event: OutOfMemory(container: container.number, kills: kills))
    }

    /// A stream to the host has come to its end.
    func outputEnded(of container: Container) {
        container.outputs.removeAll { $0.isFinished }
        advanceDeletion(of: container)
    }
}
