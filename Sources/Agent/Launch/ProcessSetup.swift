/// A new process until it executes its program, in the child: `become` is the sequence, its steps are in this type's
/// other files and in `RootSetup`; the last one, from being set up to the program, in `ProcessSetup+Program`. It runs
/// on a copy of the agent's memory, in its container's control group: what it touches comes from the zone, and goes
/// when it executes its program.
struct ProcessSetup {
    let plan: LaunchPlan
    var channel: Descriptor
    let streams: ProcessStreams
    var timer: StepTimer
    private var users: UserNamespace?

    var userNamespaceDescriptor: Int32 { users?.descriptor ?? -1 }
    var mappings: UserMappings { users?.mappings ?? UserMappings() }

    var process: ProcessSpecification { plan.process }
    /// Of the program: the specification's, and HOME where it lacks that.
    var environment: CStringList

    /// The process is on its way into a user namespace.
    mutating func use(_ users: UserNamespace) { self.users = users }

    init(plan: LaunchPlan, channel: Descriptor, streams: ProcessStreams, timer: StepTimer) {
        self.plan = plan
        self.channel = channel
        self.streams = streams
        self.timer = timer
        environment = plan.process.environment
    }

    consuming func run() -> Never {
        timer.lap(.clone)
        do throws(Failure) {
            try become()
        } catch {
            var encoder = MessageEncoder()
            encoder.integer(LaunchReport.failed)
            error.encode(into: &encoder)
            _ = Kernel.send(channel.rawValue, encoder.bytes)
        }
        Kernel.exit(1)
    }

    /// Returns never but with a failure.
    private mutating func become() throws(Failure) {
        try check(Kernel.resetSignals(), .request, "reset signals")
        try check(Kernel.newSession(), .request, "begin a session")
        // The agent may not be killed for memory; what it starts may.
        try writeValue("\(process.oomScoreAdjustment)", to: "/proc/self/oom_score_adj", .limits)
        var setup: RootSetup?
        let root: ContainerRoot
        switch plan.place {
        case .container(let specification, let node, let zoneBytes):
            try enterNamespaces(of: specification)
            if specification.root.layers.isEmpty { try pause(specification) }
            let new = RootSetup(
                specification: specification, workingDirectory: process.workingDirectory, node: node,
                zoneBytes: zoneBytes, template: plan.template?.container, users: users)
            try setSystemControls(of: specification)
            try setNetworkAndNames(specification)
            let (channel, isTemplate) = (channel, plan.isTemplate)
            root = try new.enter(&timer) { directory throws(Failure) in
                if isTemplate { try Self.reportLayer(directory, to: channel) }
            }
            timer.restart()
            setup = new
        case .existing(let first):
            try joinContainer(first)
            root = try ContainerRoot()
        }
        let terminal = try connectStreams(setup, in: root)
        timer.lap(.terminal)
        try setup?.close(root, &timer)
        try root.enter(process.workingDirectory, makes: setup != nil)
        timer.lap(.workingDirectory)
        try begin(terminal, in: root)
    }

    /// All is set up but the process itself. Returns never but with a failure.
    private mutating func begin(_ terminal: Descriptor?, in first: ContainerRoot) throws(Failure) {
        var root = first
        if let template = plan.template {
            try report(nil)
            if !plan.executesAtOnce { try waitForStart(keeping: template.ownDescriptors) }
            // Limits and rights are the template's; a plain start sets them. The root is opened anew in there.
            var copy = CopySetup(template: template, isTrial: plan.isTrial, channel: channel)
            let refusal = copy.run()
            channel = copy.channel
            try report(refusal: refusal)
            // Its program is not to run.
            if plan.isTrial { Kernel.exit(1) }
            // It may have gone to the template's.
            root = try ContainerRoot()
            try root.enter(process.workingDirectory, makes: true)
        }
        setHome(in: root)
        try limit()
        try users?.enter()
        let program = try changeCredentials(in: root)
        if plan.template == nil {
            try report(terminal)
            if !plan.executesAtOnce { try waitForStart() }
        }
        try execute(program)
    }

    /// A pod's pause has no program: this process is it.
    private mutating func pause(_ specification: ContainerSpecification) throws(Failure) {
        try setSystemControls(of: specification)
        try setNetworkAndNames(specification)
        try users?.enter()
        try report(nil)
        if !plan.executesAtOnce { try waitForStart() }
        Kernel.closeAll(but: [])
        Kernel.pause()
    }

    private mutating func report(_ terminal: Descriptor?) throws(Failure) {
        var encoder = MessageEncoder()
        encoder.integer(LaunchReport.ready)
        encoder.integer(timer.last)
        Done(timings: timer.timings).encode(into: &encoder)
        let result = Kernel.send(channel.rawValue, encoder.bytes, descriptor: terminal?.rawValue ?? -1)
        try check(result, .execute, "report to the agent")
    }

    /// The layer that copies begin with.
    private static func reportLayer(_ directory: String, to channel: Descriptor) throws(Failure) {
        let root = Descriptor(
            taking: try check(Kernel.open(directory, OpenFlag.path), .rootFileSystem, "open \(directory)"))
        let copy = Kernel.cloneTree(root.rawValue, recursive: false)
        let layer = Descriptor(taking: try check(copy, .rootFileSystem, "copy the mount of \(directory)"))
        let result = Kernel.send(channel.rawValue, [LaunchReport.layer], descriptor: layer.rawValue)
        try check(result, .rootFileSystem, "report the writable layer to the agent")
    }

    /// It is no copy, and executes its program.
    private func report(refusal: String) throws(Failure) {
        var encoder = MessageEncoder()
        encoder.integer(LaunchReport.refused)
        encoder.message(refusal, "refusal", atMost: Limits.text)
        try check(Kernel.send(channel.rawValue, encoder.bytes), .execute, "report to the agent")
    }

    private func waitForStart(keeping kept: [Int32] = []) throws(Failure) {
        // It may be long until the start, and what else was inherited is to be closed with its owner.
        Kernel.closeAll(but: ([0, 1, 2, channel.rawValue] + kept).sorted())
        var byte: [UInt8] = [0]
        let (count, _) = Kernel.receive(channel.rawValue, into: &byte)
        try check(count, .execute, "wait for the start")
        // The agent has closed its end: there will be no start.
        if count == 0 { Kernel.exit(1) }
    }
}
