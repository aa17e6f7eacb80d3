/// What a new process tells the agent while it sets itself up, in packets: a kind, then its contents.
enum LaunchReport {
    /// Set up; what is left is to execute the program. The time of that and the timings follow, and the terminal comes
    /// along.
    static let ready: UInt8 = 1
    /// A `Failure` follows; the process ends.
    static let failed: UInt8 = 2
}

/// A process between its birth and the execution of its program. The child's end of the channel closes by itself when
/// the program is executed, which is how success is known.
final class Launch {
    /// Who waits: for the process being ready, or executing. nil between `CreateContainer` and `StartContainer`.
    var caller: Caller?
    /// Whether the program is executed as soon as the process is ready.
    let executesAtOnce: Bool
    let channel: Descriptor
    var streams: ProcessStreams
    /// The failure that the child reported.
    var failure: Failure?
    var isReady = false
    /// Whether `CreateContainer` was answered: then the container stays, whatever becomes of its process.
    var wasCreated: Bool { isReady && !executesAtOnce }
    var receivedAt: UInt64
    var stopwatch: Stopwatch

    init(
        caller: Caller, executesAtOnce: Bool, channel: Descriptor, streams: ProcessStreams, receivedAt: UInt64,
        stopwatch: Stopwatch
    ) {
        self.caller = caller
        self.executesAtOnce = executesAtOnce
        self.channel = channel
        self.streams = streams
        self.receivedAt = receivedAt
        self.stopwatch = stopwatch
    }
}

/// What a new process is to become, besides its specification.
struct LaunchPlan {
    enum Place {
        /// The first process of a new container.
        case container(ContainerSpecification, node: UInt32, zoneBytes: UInt64)
        /// One more in a container: the descriptor of its first process.
        case existing(Descriptor)
    }

    let place: Place
    let process: ProcessSpecification
    /// First processes of other containers, with the namespaces to join of each (CLONE_NEW… flags), or a namespace.
    var joins: [(namespaces: Descriptor, kinds: UInt64)] = []
    /// Whether the network namespace to join is a new one whose loopback interface is up.
    var hasLoopback = false
    /// Namespaces to be born in.
    var newNamespaces: UInt64 = 0
    /// Namespaces that the child makes itself: of the network, which would keep the agent waiting, and of control
    /// groups, whose root would be the agent's group.
    var lateNamespaces: UInt64 = 0
    /// Whose process namespace to be born in, unless new or the agent's.
    var processNamespace: Descriptor?
    let executesAtOnce: Bool
}

extension Agent {
    /// Lets a process be born in the container's group; everything else happens in it, and in `launchReported`.
    func launch(
        _ plan: LaunchPlan, number: ProcessNumber, in container: Container, caller: Caller, receivedAt: UInt64,
        stopwatch begun: Stopwatch
    ) throws(Failure) {
        var stopwatch = begun
        let streams = try ProcessStreams(plan.process)
        let (channel, childChannel) = try Kernel.makeChannel()
        stopwatch.lap(.streams)
        if let other = plan.processNamespace {
            try check(
                Kernel.enterNamespaces(other.rawValue, NamespaceFlag.process), .namespaces,
                "join a container's process namespace")
        }
        let fork = Result { () throws(Failure) in
            try Kernel.clone(namespaces: plan.newNamespaces, controlGroup: container.group.directory.rawValue)
        }
        if plan.processNamespace != nil {
            // Only children to come are concerned; ours has been born.
            _ = Kernel.enterNamespaces(ownProcessNamespace.rawValue, NamespaceFlag.process)
        }
        switch try fork.get() {
        case .child:
            ChildProcess(plan: plan, channel: childChannel, streams: streams, stopwatch: stopwatch).run()
        case .parent(let id, let descriptor):
            let launch = Launch(
                caller: caller, executesAtOnce: plan.executesAtOnce, channel: channel, streams: streams,
                receivedAt: receivedAt, stopwatch: stopwatch)
            follow(launch, ContainerProcess(number: number, id: id, descriptor: descriptor), in: container)
        }
    }

    /// The parent's part after the birth.
    private func follow(_ launch: Launch, _ process: ContainerProcess, in container: Container) {
        process.launch = launch
        container.processes.append(process)
        _ = Kernel.setNonblocking(launch.channel.rawValue)
        loop.watch(launch.channel.rawValue, for: Ready.readable) { [self] _ in launchReported(process, in: container) }
        do throws(Failure) {
            try launch.streams.connect(over: transport)
        } catch {
            // The request fails when the child is reaped.
            launch.failure = error
            _ = Kernel.signal(process.descriptor, 9)
            return
        }
        guard !launch.streams.isTerminal else { return }
        let pumps = launch.streams.startPumps(loop: loop) { [self] in outputEnded(of: container) }
        process.input = pumps.input
        container.outputs += pumps.outputs
    }

    /// Takes what the child has told so far.
    func launchReported(_ process: ContainerProcess, in container: Container) {
        guard let launch = process.launch else { return }
        var buffer = [UInt8](repeating: 0, count: 8192)
        while true {
            let (count, descriptor) = Kernel.receive(launch.channel.rawValue, into: &buffer)
            if count == -Int(ErrorNumber.again) { return }
            guard count > 0 else { return launchEnded(process, launch, in: container) }
            take(buffer[..<count], descriptor, from: process, launch, in: container)
        }
    }

    private func take(
        _ packet: ArraySlice<UInt8>, _ descriptor: Descriptor?, from process: ContainerProcess, _ launch: Launch,
        in container: Container
    ) {
        var decoder = MessageDecoder([UInt8](packet.dropFirst()))
        if packet.first == LaunchReport.failed {
            launch.failure = try? Failure(decoding: &decoder)
            return
        }
        guard let readyAt: UInt64 = try? decoder.integer(), let done = try? Done(decoding: &decoder) else { return }
        launch.isReady = true
        launch.stopwatch = Stopwatch(since: readyAt, after: done.timings)
        if let descriptor {
            process.terminal = descriptor
            let pumps = launch.streams.startPumps(loop: loop, terminal: descriptor) { [self] in
                outputEnded(of: container)
            }
            process.input = pumps.input
            container.outputs += pumps.outputs
        }
        if !launch.executesAtOnce { answer(launch, process) }
    }

    private func answer(_ launch: Launch, _ process: ContainerProcess) {
        guard let caller = launch.caller else { return }
        launch.caller = nil
        let reply = ProcessStarted(
            processID: UInt32(process.id), receivedAt: launch.receivedAt, finishedAt: Kernel.monotonicTime,
            timings: launch.stopwatch.timings)
        connection?.reply(reply, to: caller)
    }

    /// The channel is closed: the program runs, or the child has failed and will be reaped.
    private func launchEnded(_ process: ContainerProcess, _ launch: Launch, in container: Container) {
        loop.forget(launch.channel.rawValue)
        guard launch.failure == nil, launch.isReady else { return }
        process.launch = nil
        launch.stopwatch.lap(.execute)
        if process.number == .initial && container.phase == .created { container.phase = .running }
        answer(launch, process)
    }

    private func killed(in container: Container) -> Failure {
        guard container.group.oomKills > container.oomKills else {
            return Failure(code: ErrorNumber.noProcess, step: .clone, text: "set the process up: it was killed before")
        }
        let text = "set the process up: the container's memory limit is too small"
        return Failure(code: ErrorNumber.noMemory, step: .clone, text: text)
    }

    /// A process that never came to execute its program was reaped. Whether that was told to whom it concerns: else it
    /// is an ordinary end.
    func launchFailed(_ process: ContainerProcess, _ launch: Launch, in container: Container) -> Bool {
        guard let caller = launch.caller else { return false }
        let failure = launch.failure ?? killed(in: container)
        if process.number == .initial && !launch.wasCreated {
            // The request to make the container fails as a whole.
            for pump in container.outputs { pump.finish() }
            forget(container)
        } else if process.number == .initial {
            container.phase = .stopped
            container.exit = ExitStatus(rawValue: Int32(failure.exitCode ?? 126) << 8)
        }
        connection?.reply(failure, to: caller)
        return true
    }
}
