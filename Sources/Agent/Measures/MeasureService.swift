import Geometry

/// Answers what the host asks about containers and the guest's memory.
final class MeasureService {
    private let containers: GuestContainers
    private let zones: GuestZones
    private let images: GuestImages
    private let workers: Workers

    init(containers: GuestContainers, zones: GuestZones, images: GuestImages, workers: Workers) {
        self.containers = containers
        self.zones = zones
        self.images = images
        self.workers = workers
    }

    func listProcesses(_ request: ListProcesses, _ caller: Caller) throws(Failure) {
        caller.reply(ProcessList(processIDs: try containers.get(request.container).group.processIDs))
    }

    func measureAll(_: MeasureContainers, _ caller: Caller) {
        caller.reply(ContainerMeasures(containers: containers.all.map { measure($0) }))
    }

    func measureMemory(_: MeasureNodes, _ caller: Caller) { caller.reply(measureNodes()) }

    private func measure(_ container: GuestContainer) -> ContainerMeasure {
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
        let group = try containers.get(request.container).group
        let before = group.file("memory.current").number
        var timer = StepTimer()
        let work = { () -> [UInt8] in
            // What it could not get is no failure: the caller sees how much it was.
            try? group.set("memory.reclaim", "\(request.bytes)")
            return [1]
        }
        try workers.run(timeout: WaitLimit.work, group: group, work) { _ in
            timer.lap(.reclaim)
            let after = group.file("memory.current").number
            caller.reply(Reclaimed(before: before, after: after, timings: timer.timings))
        }
    }

    func measurePlacement(_ request: MeasurePlacement, _ caller: Caller) throws(Failure) {
        let container = try containers.get(request.container)
        let survey = PlacementSurvey(
            zone: zones[container.node]?.description, images: images.all, processes: container.group.processIDs,
            group: container.group)
        try workers.run(timeout: WaitLimit.work, group: container.group, { survey.run() }) { bytes in
            var decoder = MessageDecoder(bytes)
            if let placement = try? PagePlacement(decoding: &decoder) {
                caller.reply(placement)
            } else {
                let text = "find the pages of \(container.number.description) in time"
                caller.reply(Failure(code: ErrorNumber.timedOut, step: .request, text: text))
            }
        }
    }
}
