/// Starts processes: clones the child that becomes one, follows what it reports until its program is executed, and
/// answers the request. What the child does is `ProcessSetup`.
final class Launcher {
    private let loop: PollLoop
    private let transport: StreamTransport
    /// The agent's process namespace, to come back to after a child was cloned into another.
    private let ownProcessNamespace: Descriptor
    /// Called when a stream of a container to the host has come to its end.
    var outputEnded: (GuestContainer) -> Void = { _ in }

    init(loop: PollLoop, transport: StreamTransport) throws(Failure) {
        self.loop = loop
        self.transport = transport
        let own = Kernel.open("/proc/self/ns/pid", OpenFlag.read)
        ownProcessNamespace = Descriptor(taking: try check(own, .request, "open the process namespace"))
    }

    /// Clones a process into the container's group; everything else happens in it, and in `takeReports`.
    func start(
        _ launch: Launch, _ plan: LaunchPlan, number: ProcessNumber, in container: GuestContainer
    ) throws(Failure) {
        let streams = try ProcessStreams(plan.process)
        let (channel, childChannel) = try Kernel.makeChannel()
        launch.timer.lap(.streams)
        switch try clone(plan, controlGroup: container.group.directory.rawValue) {
        case .child:
            ProcessSetup(plan: plan, channel: childChannel, streams: streams, timer: launch.timer).run()
        case .parent(let id, let descriptor):
            launch.refusal = plan.refusal
            launch.begin(channel: channel, streams: streams)
            follow(launch, ContainerProcess(number: number, id: id, descriptor: descriptor), in: container)
        }
    }

    private func clone(_ plan: LaunchPlan, controlGroup: Int32) throws(Failure) -> Kernel.Fork {
        guard let other = plan.processNamespace else {
            return try Kernel.clone(namespaces: plan.newNamespaces, controlGroup: controlGroup)
        }
        try check(
            Kernel.enterNamespaces(other.rawValue, NamespaceFlag.process), .namespaces,
            "join a container's process namespace")
        // Only children to come are concerned.
        defer { _ = Kernel.enterNamespaces(ownProcessNamespace.rawValue, NamespaceFlag.process) }
        return try Kernel.clone(namespaces: plan.newNamespaces, controlGroup: controlGroup)
    }

    /// The parent's part after the clone.
    private func follow(_ launch: Launch, _ process: ContainerProcess, in container: GuestContainer) {
        process.launch = launch
        container.processes.append(process)
        _ = Kernel.setNonblocking(launch.channel)
        loop.watch(launch.channel, for: Ready.readable) { [self] _ in takeReports(of: process, in: container) }
        setDeadline(launch, process, in: container)
        do throws(Failure) {
            try launch.connectStreams(over: transport)
        } catch {
            return kill(process, launch, error)
        }
        startPumps(launch, terminal: nil, of: process, in: container)
    }

    private func startPumps(
        _ launch: Launch, terminal: Descriptor?, of process: ContainerProcess, in container: GuestContainer
    ) {
        let pumps = launch.startPumps(loop: loop, terminal: terminal) { [self] in outputEnded(container) }
        if let input = pumps.input { process.input = input }
        container.outputs += pumps.outputs
    }

    /// Lets the process of a created container execute its program.
    func letExecute(_ process: ContainerProcess, _ launch: Launch, in container: GuestContainer) throws(Failure) {
        try check(Kernel.send(launch.channel, [1]), .execute, "start the process")
        setDeadline(launch, process, in: container)
    }

    private func setDeadline(_ launch: Launch, _ process: ContainerProcess, in container: GuestContainer) {
        launch.deadline = loop.after(milliseconds: WaitLimit.launch) { [self] in
            let name = "\(process.number.description) of \(container.number.description)"
            let text = "start \(name): it did not come to its program in \(WaitLimit.launch) ms"
            kill(process, launch, Failure(code: ErrorNumber.timedOut, step: .clone, text: text))
        }
    }

    /// Has a launch fail: its request is answered when the child is reaped, or does not die in time.
    private func kill(_ process: ContainerProcess, _ launch: Launch, _ failure: Failure) {
        launch.failure = failure
        _ = Kernel.signal(process.descriptor, 9)
        cancelDeadline(of: launch)
        launch.deadline = loop.after(milliseconds: WaitLimit.reap) {
            launch.deadline = nil
            launch.isGivenUp = true
            launch.caller?.reply(failure)
            launch.caller = nil
        }
    }

    /// The child executes its program, waits for its start, or was reaped.
    func cancelDeadline(of launch: Launch) {
        if let deadline = launch.deadline { loop.cancel(deadline) }
        launch.deadline = nil
    }

    /// Takes what the child has reported so far.
    func takeReports(of process: ContainerProcess, in container: GuestContainer) {
        guard let launch = process.launch else { return }
        var buffer = [UInt8](repeating: 0, count: 8192)
        while true {
            let (count, descriptor) = Kernel.receive(launch.channel, into: &buffer)
            if count == -Int(ErrorNumber.again) { return }
            guard count > 0 else { return channelEnded(process, launch, in: container) }
            take(buffer[..<count], descriptor, from: process, launch, in: container)
        }
    }

    private func take(
        _ packet: ArraySlice<UInt8>, _ descriptor: Descriptor?, from process: ContainerProcess, _ launch: Launch,
        in container: GuestContainer
    ) {
        var decoder = MessageDecoder([UInt8](packet.dropFirst()))
        switch packet.first {
        case LaunchReport.failed:
            launch.failure = try? Failure(decoding: &decoder)
            return
        case LaunchReport.refused:
            launch.refusal = (try? decoder.message("refusal", atMost: Limits.text)) ?? "unknown"
            return
        case LaunchReport.layer:
            container.writableLayer = descriptor
            return
        default: break
        }
        guard let readyAt: UInt64 = try? decoder.integer(), let done = try? Done(decoding: &decoder) else { return }
        launch.isReady = true
        launch.timer = StepTimer(since: readyAt, after: done.timings)
        if let descriptor {
            process.terminal = descriptor
            startPumps(launch, terminal: descriptor, of: process, in: container)
        }
        guard !launch.executesAtOnce, launch.failure == nil else { return }
        cancelDeadline(of: launch)
        if process.number == .initial { container.life.becomeCreated() }
        answer(launch, process)
    }

    private func answer(_ launch: Launch, _ process: ContainerProcess) {
        guard let caller = launch.caller else { return }
        launch.caller = nil
        caller.reply(
            ProcessStarted(
                processID: UInt32(process.id), refusal: launch.refusal, timings: launch.timer.timings))
    }

    /// The channel is closed: the program runs, or the child has failed and will be reaped.
    private func channelEnded(_ process: ContainerProcess, _ launch: Launch, in container: GuestContainer) {
        loop.forget(launch.channel)
        guard launch.failure == nil, launch.isReady else { return }
        cancelDeadline(of: launch)
        process.launch = nil
        process.executedAt = Kernel.monotonicTime
        launch.timer.lap(.execute)
        if process.number == .initial { container.life.run() }
        answer(launch, process)
    }
}
