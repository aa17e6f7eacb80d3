/// Takes containers through their lives: their making and start here, pauses, signals and their end in this type's
/// other files. Requests are answered when what they ask for is done.
final class ContainerLifecycle {
    let loop: PollLoop
    let table: GuestContainers
    let zones: ZoneService
    private let networks: NetworkNamespacePool
    let launcher: Launcher
    private let mounts: GuestSetup
    let templates: TemplateService
    let elasticZones: ElasticZones
    private let childSignals: Descriptor

    init(
        loop: PollLoop, table: GuestContainers, zones: ZoneService, networks: NetworkNamespacePool, launcher: Launcher,
        mounts: GuestSetup, templates: TemplateService, elasticZones: ElasticZones
    ) throws(Failure) {
        self.loop = loop
        self.table = table
        self.zones = zones
        self.networks = networks
        self.launcher = launcher
        self.mounts = mounts
        self.templates = templates
        self.elasticZones = elasticZones
        childSignals = Descriptor(taking: try check(Kernel.openChildSignals(), .request, "receive SIGCHLD"))
        launcher.outputEnded = { [self] container in outputEnded(of: container) }
        loop.watch(childSignals.rawValue, for: Ready.readable) { [self] _ in
            Kernel.clearSignal(childSignals.rawValue)
            reap()
        }
    }

    func create(_ request: CreateContainer, _ caller: Caller) throws(Failure) {
        var timer = StepTimer()
        let zone = request.node == 0 ? nil : try zones.find(request.node)
        try table.checkRoom(for: request.container, in: zone)
        var plan = try LaunchPlan(creating: request, containers: table, networks: networks)
        try templates.prepare(&plan, for: request)
        try mounts.mountShares(of: request.specification)
        let group = try ControlGroup(
            request.container, node: request.node, zoneBytes: request.zoneBytes, limits: request.specification.limits)
        let container = GuestContainer(
            number: request.container, node: request.node, group: group,
            isPause: request.specification.root.layers.isEmpty, isTemplate: request.origin == .template,
            userMappings: request.specification.userMappings.chosen(for: request.container))
        table.add(container, to: zone)
        elasticZones.add(container, request)
        group.watch(
            loop: loop, stateChanged: { [self] in groupChanged(container) },
            memoryEvent: { [self] in
                table.noticeOutOfMemory(container)
                elasticZones.noticeMemoryEvent(of: container)
            })
        timer.lap(.controlGroup)
        let launch = Launch(caller: caller, executesAtOnce: request.start, timer: timer)
        guard let zone else { return try begin(container, plan, launch) }
        let waiter = ZoneWaiter(bytes: request.zoneBytes, timeout: request.zoneTimeout) { [self, plan] failure in
            launch.timer.lap(.zoneOnline)
            do throws(Failure) {
                guard case .creating = container.life.state else {
                    let text = "make \(container.number.description): it was deleted before its zone came"
                    throw Failure(code: ErrorNumber.noEntry, step: .zoneOnline, text: text)
                }
                if let failure {
                    table.remove(container)
                    throw failure
                }
                try begin(container, plan, launch)
            } catch {
                caller.reply(error)
            }
        }
        zones.add(waiter, to: zone)
    }

    /// The zone is there: the first process is launched.
    private func begin(_ container: GuestContainer, _ plan: LaunchPlan, _ launch: Launch) throws(Failure) {
        do throws(Failure) {
            guard container.group.hasNode(container.node) else {
                let text = "use the memory of node \(container.node): the control group does not have it"
                throw Failure(code: ErrorNumber.again, step: .zoneOnline, text: text)
            }
            try launcher.start(launch, plan, number: .initial, in: container)
        } catch {
            table.remove(container)
            throw error
        }
    }

    func start(_ request: StartContainer, _ caller: Caller) throws(Failure) {
        let container = try table.get(request.container)
        guard let process = container.initial, let launch = process.launch,
            launch.wasCreated, launch.caller == nil
        else {
            let text = "start \(request.container.description), which is not merely created"
            throw Failure(code: ErrorNumber.invalid, step: .request, text: text)
        }
        launch.caller = caller
        launch.timer = StepTimer()
        try launcher.letExecute(process, launch, in: container)
    }

    func execute(_ request: Execute, _ caller: Caller) throws(Failure) {
        let container = try table.get(request.container)
        guard let first = container.initial, first.launch == nil, !container.isPause, container.life.isAlive else {
            let text = "execute in \(request.container.description), which does not run a program"
            throw Failure(code: ErrorNumber.invalid, step: .request, text: text)
        }
        guard request.process != .initial, container[request.process] == nil else {
            let text = "make \(request.process.description) of \(request.container.description): it exists"
            throw Failure(code: ErrorNumber.exists, step: .request, text: text)
        }
        var plan = LaunchPlan(place: .existing(first.descriptor), process: request.specification, executesAtOnce: true)
        plan.processNamespace = first.descriptor
        if !container.userMappings.isEmpty {
            plan.userNamespace = .existing(container.userMappings, process: first.id)
        }
        let launch = Launch(caller: caller, executesAtOnce: true, timer: StepTimer())
        try launcher.start(launch, plan, number: request.process, in: container)
    }
}
