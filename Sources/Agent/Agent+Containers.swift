extension Agent {
    func create(_ request: CreateContainer, _ caller: Caller) throws(Failure) {
        let receivedAt = Kernel.monotonicTime
        var stopwatch = Stopwatch()
        let specification = request.specification
        guard !containers.contains(where: { $0.number == request.container }) else {
            throw Failure(
                code: ErrorNumber.exists, step: .request, text: "make \(request.container.description): it exists")
        }
        guard containers.count < Limits.containers else {
            let text = "make \(request.container.description): there are \(containers.count) already"
            throw Failure(code: ErrorNumber.again, step: .request, text: text)
        }
        let zone = request.node == 0 ? nil : try zone(request.node)
        if let other = zone?.container {
            let text = "use the zone of node \(request.node): \(other.description) lives in it"
            throw Failure(code: ErrorNumber.busy, step: .request, text: text)
        }
        let plan = try plan(for: request)
        try mountShares(of: specification)
        let group = try ControlGroup(
            request.container, node: request.node, zoneBytes: request.zoneBytes, limits: specification.limits)
        let container = Container(
            number: request.container, node: request.node, group: group,
            isPause: specification.root.layers.isEmpty)
        containers.append(container)
        zone?.container = container.number
        group.watch(
            loop: loop, stateChanged: { [self] in groupChanged(container) },
            memoryEvent: { [self] in noticeOutOfMemory(container) })
        stopwatch.lap(.controlGroup)
        guard let zone else { return try begin(container, plan, caller, receivedAt, stopwatch) }
        zones.takeEvents()
        zone.whenOnline(bytes: request.zoneBytes, timeout: request.zoneTimeout, loop: loop) { [self] failure in
            stopwatch.lap(.zoneOnline)
            do throws(Failure) {
                // It may have been deleted meanwhile.
                guard containers.contains(where: { $0 === container }), container.deletion == nil else {
                    let text = "make \(container.number.description): it was deleted before its zone came"
                    throw Failure(code: ErrorNumber.noEntry, step: .zoneOnline, text: text)
                }
                if let failure {
                    forget(container)
                    throw failure
                }
                try begin(container, plan, caller, receivedAt, stopwatch)
            } catch {
                connection?.reply(error, to: caller)
            }
        }
    }

    /// The zone is there: the first process is born.
    private func begin(
        _ container: Container, _ plan: LaunchPlan, _ caller: Caller, _ receivedAt: UInt64, _ stopwatch: Stopwatch
    ) throws(Failure) {
        do throws(Failure) {
            guard container.group.hasNode(container.node) else {
                let text = "use the memory of node \(container.node): the control group does not have it"
                throw Failure(code: ErrorNumber.again, step: .zoneOnline, text: text)
            }
            try launch(
                plan, number: .initial, in: container, caller: caller, receivedAt: receivedAt, stopwatch: stopwatch)
        } catch {
            forget(container)
            throw error
        }
    }

    /// Finds the namespaces to make and to join.
    private func plan(for request: CreateContainer) throws(Failure) -> LaunchPlan {
        let specification = request.specification
        var plan = LaunchPlan(
            place: .container(specification, node: request.node, zoneBytes: request.zoneBytes),
            process: specification.process, executesAtOnce: request.start)
        plan.newNamespaces = NamespaceFlag.mount
        let namespaces = specification.namespaces
        switch namespaces.process {
        case .new: plan.newNamespaces |= NamespaceFlag.process
        case .guest: break
        case .container(let number): plan.processNamespace = try process(.initial, of: number).descriptor
        }
        for (choice, kind) in [
            (namespaces.network, NamespaceFlag.network), (namespaces.ipc, NamespaceFlag.ipc),
            (namespaces.hostName, NamespaceFlag.hostName),
        ] {
            switch choice {
            case .new:
                if kind == NamespaceFlag.network, let spare = spareNetworks.take() {
                    plan.joins.append((spare, kind))
                    plan.hasLoopback = true
                } else if kind == NamespaceFlag.network {
                    plan.lateNamespaces |= kind
                } else {
                    plan.newNamespaces |= kind
                }
            case .guest: break
            case .container(let number): try join(number, kind, &plan)
            }
        }
        switch namespaces.controlGroup {
        case .new: plan.lateNamespaces |= NamespaceFlag.controlGroup
        case .guest: break
        case .container(let number): try join(number, NamespaceFlag.controlGroup, &plan)
        }
        if namespaces.hostName != .new && !specification.hostname.utf8.isEmpty {
            let text = "set host name \(specification.hostname) in a namespace that is not the container's own"
            throw Failure(code: ErrorNumber.invalid, step: .request, text: text)
        }
        if namespaces.network != .new && !specification.interfaces.isEmpty {
            let text = "make network interfaces in a namespace that is not the container's own"
            throw Failure(code: ErrorNumber.invalid, step: .request, text: text)
        }
        return plan
    }

    /// All namespaces of one container are joined in one call.
    private func join(_ number: ContainerNumber, _ kind: UInt64, _ plan: inout LaunchPlan) throws(Failure) {
        let descriptor = try process(.initial, of: number).descriptor
        if let index = plan.joins.firstIndex(where: { $0.namespaces === descriptor }) {
            plan.joins[index].kinds |= kind
        } else {
            plan.joins.append((descriptor, kind))
        }
    }

    func start(_ request: StartContainer, _ caller: Caller) throws(Failure) {
        let receivedAt = Kernel.monotonicTime
        guard let process = try container(request.container).initial, let launch = process.launch,
            launch.wasCreated, launch.caller == nil
        else {
            let text = "start \(request.container.description), which is not merely created"
            throw Failure(code: ErrorNumber.invalid, step: .request, text: text)
        }
        launch.caller = caller
        launch.receivedAt = receivedAt
        launch.stopwatch = Stopwatch()
        try check(Kernel.send(launch.channel.rawValue, [1]), .execute, "tell the process to start")
    }

    func execute(_ request: Execute, _ caller: Caller) throws(Failure) {
        let receivedAt = Kernel.monotonicTime
        let container = try container(request.container)
        guard let first = container.initial, first.launch == nil, !container.isPause, container.deletion == nil else {
            let text = "execute in \(request.container.description), which does not run a program"
            throw Failure(code: ErrorNumber.invalid, step: .request, text: text)
        }
        guard request.process != .initial, container[request.process] == nil else {
            let text = "make \(request.process.description) of \(request.container.description): it exists"
            throw Failure(code: ErrorNumber.exists, step: .request, text: text)
        }
        var plan = LaunchPlan(place: .existing(first.descriptor), process: request.specification, executesAtOnce: true)
        plan.processNamespace = first.descriptor
        try launch(
            plan, number: request.process, in: container, caller: caller, receivedAt: receivedAt,
            stopwatch: Stopwatch())
    }

    func pause(_ request: PauseContainer, _ caller: Caller) throws(Failure) {
        let container = try container(request.container)
        guard container.freezing == nil else {
            let text = "pause \(request.container.description): it is being paused"
            throw Failure(code: ErrorNumber.busy, step: .freeze, text: text)
        }
        container.freezing = (caller, Stopwatch())
        do throws(Failure) {
            try container.group.set("cgroup.freeze", "1")
        } catch {
            container.freezing = nil
            throw error
        }
        groupChanged(container)
    }

    /// A container's group became empty, or frozen.
    func groupChanged(_ container: Container) {
        if case (let caller, var stopwatch)? = container.freezing, container.group.isFrozen {
            container.freezing = nil
            if container.phase == .running { container.phase = .paused }
            stopwatch.lap(.freeze)
            connection?.reply(Done(timings: stopwatch.timings), to: caller)
        }
        advanceDeletion(of: container)
    }
}
