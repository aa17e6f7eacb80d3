extension Agent {
    func receiveForMeasure(_ frame: Frame, _ caller: Caller) throws(Failure) {
        switch frame.type {
        case .measureContainer:
            let request: MeasureContainer = try decoded(frame)
            connection?.reply(measure(try container(request.container)), to: caller)
        case .measureContainers:
            connection?.reply(ContainerMeasures(containers: containers.map { measure($0) }), to: caller)
        case .measureNodes: connection?.reply(measureNodes(), to: caller)
        case .listContainers:
            connection?.reply(ContainerList(containers: containers.map { state(of: $0) }), to: caller)
        case .listProcesses:
            let request: ListProcesses = try decoded(frame)
            let processes = processIDs(of: try container(request.container))
            connection?.reply(ProcessList(processIDs: processes), to: caller)
        default: try measurePlacement(try decoded(frame), caller)
        }
    }

    private func decoded<Content: Message>(_ frame: Frame) throws(Failure) -> Content {
        do throws(ProtocolError) {
            return try frame.message()
        } catch {
            throw Failure(code: ErrorNumber.invalid, step: .request, text: "read the request: \(error.description)")
        }
    }

    private func state(of container: Container) -> ContainerState {
        ContainerState(
            container: container.number, node: container.node, phase: container.phase,
            processID: container.initial.map { UInt32($0.id) } ?? 0, exit: container.exit,
            oomKilled: container.oomKills > 0)
    }

    private func measure(_ container: Container) -> ContainerMeasure {
        var measure = ContainerMeasure(container: container.number)
        let group = container.group
        measure.memoryCurrent = group.file("memory.current").number
        measure.memoryPeak = group.file("memory.peak").number
        measure.memoryMax = group.file("memory.max").number
        let memory = group.file("memory.stat")
        measure.anonymous = memory.number(after: "anon")
        measure.file = memory.number(after: "file")
        measure.shared = memory.number(after: "shmem")
        measure.kernel = memory.number(after: "kernel")
        measure.inactiveFile = memory.number(after: "inactive_file")
        measure.pageFaults = memory.number(after: "pgfault")
        measure.majorPageFaults = memory.number(after: "pgmajfault")
        let events = group.file("memory.events")
        measure.maxEvents = events.number(after: "max")
        measure.oomEvents = events.number(after: "oom")
        measure.oomKills = events.number(after: "oom_kill")
        let cpu = group.file("cpu.stat")
        measure.cpuUsage = cpu.number(after: "usage_usec") &* 1000
        measure.cpuUser = cpu.number(after: "user_usec") &* 1000
        measure.cpuSystem = cpu.number(after: "system_usec") &* 1000
        measure.cpuPeriods = cpu.number(after: "nr_periods")
        measure.cpuThrottledPeriods = cpu.number(after: "nr_throttled")
        measure.cpuThrottled = cpu.number(after: "throttled_usec") &* 1000
        measure.processes = group.file("pids.current").number
        measure.processesMax = group.file("pids.max").number
        if container.node != 0, let node = measureNode(container.node) {
            measure.zoneTotal = node.totalBytes
            measure.zoneUsed = node.totalBytes &- node.freeBytes
        }
        return measure
    }

    private func measureNode(_ node: UInt32) -> NodeMeasure? {
        let text = TextFile("/sys/devices/system/node/node\(node)/meminfo")
        var measure = NodeMeasure(node: node, totalBytes: 0, freeBytes: 0)
        // "Node 0 MemTotal:       65536 kB"
        for line in text.bytes.split(separator: 0x0A) {
            guard let afterNode = line.dropping("Node"), let space = afterNode.firstIndex(of: 0x20) else { continue }
            let field = afterNode[(space + 1)...]
            if let rest = field.dropping("MemTotal") { measure.totalBytes = TextFile.number(in: rest) &* 1024 }
            if let rest = field.dropping("MemFree") { measure.freeBytes = TextFile.number(in: rest) &* 1024 }
        }
        return measure.totalBytes > 0 ? measure : nil
    }

    private func measureNodes() -> NodeMeasures {
        let nodes = [0] + zones.zones.map { $0.description.node }
        let residentPages = TextFile("/proc/self/statm").bytes.split(separator: 0x20).dropFirst().first
        return NodeMeasures(
            nodes: nodes.compactMap { measureNode($0) },
            pagesMigrated: TextFile("/proc/vmstat").number(after: "pgmigrate_success"),
            agentResidentBytes: residentPages.map { TextFile.number(in: $0) &* 4096 } ?? 0)
    }

    func reclaim(_ request: Reclaim, _ caller: Caller) throws(Failure) {
        let group = try container(request.container).group
        let before = group.file("memory.current").number
        var stopwatch = Stopwatch()
        let work = { () -> [UInt8] in
            // What it could not get is no failure: the caller sees how much it was.
            try? group.set("memory.reclaim", "\(request.bytes)")
            return [1]
        }
        try self.work(timeout: 30_000, group: group, work) { [self] _ in
            stopwatch.lap(.reclaim)
            let after = group.file("memory.current").number
            connection?.reply(Reclaimed(before: before, after: after, timings: stopwatch.timings), to: caller)
        }
    }

    private func measurePlacement(_ request: MeasurePlacement, _ caller: Caller) throws(Failure) {
        let container = try container(request.container)
        let survey = PlacementSurvey(
            zone: zones[container.node]?.description, images: images, processes: processIDs(of: container),
            group: container.group)
        try work(timeout: 30_000, group: container.group, { survey.run() }) { [self] bytes in
            var decoder = MessageDecoder(bytes)
            if let placement = try? PagePlacement(decoding: &decoder) {
                connection?.reply(placement, to: caller)
            } else {
                let text = "find the pages of \(container.number.description) in time"
                connection?.reply(Failure(code: ErrorNumber.timedOut, step: .request, text: text), to: caller)
            }
        }
    }
}
