/// A new process on its way to its program. It runs on a copy of the agent's memory, in its container's control group:
/// what it touches comes from the zone, and goes when it executes its program.
struct ChildProcess {
    let plan: LaunchPlan
    let channel: Descriptor
    let streams: ProcessStreams
    var stopwatch: Stopwatch

    var process: ProcessSpecification { plan.process }

    init(plan: LaunchPlan, channel: Descriptor, streams: ProcessStreams, stopwatch: Stopwatch) {
        self.plan = plan
        self.channel = channel
        self.streams = streams
        self.stopwatch = stopwatch
    }

    consuming func run() -> Never {
        stopwatch.lap(.clone)
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
        var isFirst = false
        switch plan.place {
        case .container(let specification, let node, let zoneBytes):
            isFirst = true
            let trunk = try openTrunk(for: specification.interfaces)
            try joinNamespaces()
            try makeInterfaces(specification.interfaces, of: trunk)
            if specification.root.layers.isEmpty { try pause(specification) }
            try enterRoot(of: specification, node: node, zoneBytes: zoneBytes)
            stopwatch.restart()
        case .existing(let first):
            let all =
                NamespaceFlag.mount | NamespaceFlag.network | NamespaceFlag.ipc | NamespaceFlag.hostName
                | NamespaceFlag.controlGroup
            try check(Kernel.enterNamespaces(first.rawValue, all), .namespaces, "join the container's namespaces")
            stopwatch.lap(.namespaces)
        }
        let terminal = try connectStreams(isFirst: isFirst)
        stopwatch.lap(.terminal)
        if case .container(let specification, _, _) = plan.place { try closeRoot(of: specification) }
        try enterWorkingDirectory(makes: isFirst)
        stopwatch.lap(.workingDirectory)
        try limit()
        let program = try changeCredentials()
        try report(terminal)
        if !plan.executesAtOnce { try waitForStart() }
        if let filter = process.seccomp, process.noNewPrivileges { try install(filter) }
        let result = Kernel.execute(program, process.arguments, process.environment)
        try check(result, .execute, "execute \(program)")
    }

    private mutating func joinNamespaces() throws(Failure) {
        for join in plan.joins {
            try check(
                Kernel.enterNamespaces(join.namespaces.rawValue, join.kinds), .namespaces,
                "join other namespaces")
        }
        if plan.lateNamespaces != 0 {
            try check(Kernel.unshare(plan.lateNamespaces), .namespaces, "make namespaces")
        }
        stopwatch.lap(.namespaces)
    }

    /// A pod's pause has no program: this process is it.
    private mutating func pause(_ specification: ContainerSpecification) throws(Failure) {
        try setNetworkAndNames(specification)
        try report(nil)
        if !plan.executesAtOnce { try waitForStart() }
        Kernel.closeAll(but: [])
        Kernel.pause()
    }

    private mutating func report(_ terminal: Descriptor?) throws(Failure) {
        var encoder = MessageEncoder()
        encoder.integer(LaunchReport.ready)
        encoder.integer(stopwatch.last)
        Done(timings: stopwatch.timings).encode(into: &encoder)
        let result = Kernel.send(channel.rawValue, encoder.bytes, descriptor: terminal?.rawValue ?? -1)
        try check(result, .execute, "report to the agent")
    }

    private func waitForStart() throws(Failure) {
        // It may be long until the start, and what else was inherited is to be closed with its owner.
        Kernel.closeAll(but: [0, 1, 2, channel.rawValue])
        var byte: [UInt8] = [0]
        let (count, _) = Kernel.receive(channel.rawValue, into: &byte)
        try check(count, .execute, "wait for the start")
        // The agent has closed its end: there will be no start.
        if count == 0 { Kernel.exit(1) }
    }
}

// MARK: streams, limits, credentials

extension ChildProcess {
    /// Standard streams become pipes, /dev/null, or a new terminal, whose master is for the agent.
    private func connectStreams(isFirst: Bool) throws(Failure) -> Descriptor? {
        if let size = process.terminal { return try openTerminal(size, isConsole: isFirst) }
        // The container's own null device, not one of the agent's that would lead out of its root.
        var null: Descriptor?
        if streams.input == nil || streams.output == nil || streams.error == nil {
            let device = Kernel.open("/dev/null", OpenFlag.readWrite)
            null = Descriptor(taking: try check(device, .streams, "open /dev/null in the container"))
        }
        var target: Int32 = 0
        for end in [streams.input, streams.output, streams.error] {
            guard let source = end ?? null else { continue }
            // So that the user of the process can open /dev/stdout.
            if end != nil { _ = Kernel.changeOwner(source.rawValue, user: process.userID, group: process.groupID) }
            try check(Kernel.duplicate(source.rawValue, onto: target), .streams, "set standard stream \(target)")
            target += 1
        }
        return nil
    }

    private func openTerminal(_ size: WindowSize, isConsole: Bool) throws(Failure) -> Descriptor {
        let (master, slave) = try Kernel.openTerminal()
        try check(Kernel.resizeTerminal(master.rawValue, size), .terminal, "set the terminal's size")
        let unchanged = UInt32.max
        try check(
            Kernel.changeOwner(slave.rawValue, user: process.userID, group: unchanged), .terminal,
            "give the terminal to user \(process.userID)")
        if isConsole { try mountConsole(slave) }
        for target in Int32(0)...2 {
            try check(Kernel.duplicate(slave.rawValue, onto: target), .terminal, "set standard stream \(target)")
        }
        try check(Kernel.controlTerminal(0), .terminal, "make the terminal the controlling one")
        return master
    }

    private func limit() throws(Failure) {
        for limit in process.resourceLimits {
            try check(
                Kernel.setLimit(limit), .limits, "set limit \(limit.resource) to \(limit.soft), \(limit.hard)")
        }
        Kernel.setModeMask(process.umask ?? 0o022)
    }

    /// Becomes the user, and finds the program with that user's rights.
    private mutating func changeCredentials() throws(Failure) -> String {
        if process.noNewPrivileges {
            try check(Kernel.forbidNewPrivileges(), .credentials, "set no_new_privs")
        } else if let filter = process.seccomp {
            // Without no_new_privs it takes a privilege that is about to go.
            try install(filter)
        }
        let sets = process.capabilities
        for capability in UInt32(0)..<64 where sets.bounding >> UInt64(capability) & 1 == 0 {
            let result = Kernel.dropFromBoundingSet(capability)
            // Past the last capability that the kernel has.
            if result == -ErrorNumber.invalid { break }
            try check(result, .credentials, "drop capability \(capability)")
        }
        try check(Kernel.setGroups(process.additionalGroups), .credentials, "set additional groups")
        try check(Kernel.setGroup(process.groupID), .credentials, "become group \(process.groupID)")
        try check(Kernel.keepCapabilities(true), .credentials, "keep capabilities")
        try check(Kernel.setUser(process.userID), .credentials, "become user \(process.userID)")
        try check(Kernel.keepCapabilities(false), .credentials, "keep capabilities no longer")
        try check(Kernel.setCapabilities(sets), .credentials, "set capabilities")
        _ = Kernel.clearAmbientCapabilities()
        for capability in UInt32(0)..<64 where sets.ambient >> UInt64(capability) & 1 == 1 {
            try check(
                Kernel.raiseAmbientCapability(capability), .credentials, "raise ambient capability \(capability)")
        }
        stopwatch.lap(.credentials)
        return try findProgram()
    }

    private func install(_ filter: SeccompFilter) throws(Failure) {
        try check(Kernel.setFilter(filter), .seccomp, "install the seccomp filter")
    }

    private func findProgram() throws(Failure) -> String {
        guard let name = process.arguments.first, !name.utf8.isEmpty else {
            throw Failure(code: ErrorNumber.invalid, step: .execute, text: "execute a program without a name")
        }
        if name.utf8.contains(UInt8(ascii: "/")) {
            try executable(name)
            return name
        }
        var refused: Failure?
        for folder in searchPath.split(separator: UInt8(ascii: ":"), omittingEmptySubsequences: true) {
            let path = String(decoding: folder, as: UTF8.self) + "/" + name
            do throws(Failure) {
                try executable(path)
                return path
            } catch {
                // What may not be executed is told only if nothing better is found.
                if error.exitCode == 126 { refused = error }
            }
        }
        if let refused { throw refused }
        throw Failure(code: ErrorNumber.noEntry, step: .execute, text: "find \(name) in the container's PATH")
    }

    private func executable(_ path: String) throws(Failure) {
        let mode = try check(Kernel.mode(path), .execute, "find \(path)")
        if mode & 0o170000 == 0o040000 {
            throw Failure(code: ErrorNumber.isDirectory, step: .execute, text: "execute \(path)")
        }
        try check(Kernel.mayExecute(path), .execute, "execute \(path)")
    }

    private var searchPath: [UInt8] {
        for entry in process.environment {
            let bytes = [UInt8](entry.utf8)
            if bytes[...].starts(with: "PATH=") { return [UInt8](bytes.dropFirst(5)) }
        }
        return [UInt8]("/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin".utf8)
    }
}
