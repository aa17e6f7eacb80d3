import Geometry

/// A container's control group, below the one that all containers share.
final class ControlGroup {
    /// What all containers' groups are below. Its device rules hold for all of them.
    static let parent = "/sys/fs/cgroup/containers"

    let number: ContainerNumber
    let directory: Descriptor
    /// What is plugged of its zone; nil: it has none.
    private var zoneBytes: UInt64?
    /// The container's own limits; `.max`: none.
    private(set) var memoryMax = UInt64.max
    private var memoryHigh = UInt64.max
    /// Beside its own: where it asks for more memory.
    private(set) var growthLevel = UInt64.max
    private let events: Descriptor
    private let memoryEvents: Descriptor

    /// Makes the group on this node (0: no zone). The node may still be without memory.
    init(_ number: ContainerNumber, node: UInt32, zoneBytes: UInt64, limits: ResourceLimits) throws(Failure) {
        self.number = number
        self.zoneBytes = node == 0 ? nil : zoneBytes
        let path = "\(ControlGroup.parent)/\(number.rawValue)"
        try check(Kernel.makeDirectory(path), .controlGroup, "make \(path)")
        do throws(Failure) {
            directory = Descriptor(
                taking: try check(Kernel.open(path, OpenFlag.directory), .controlGroup, "open \(path)"))
            events = try ControlGroup.open("cgroup.events", in: directory)
            memoryEvents = try ControlGroup.open("memory.events", in: directory)
            try set("cpuset.mems", "\(node)")
            if limits.killsWhole == nil { try set("memory.oom.group", "1") }
            try BaseMemory.bound(directory, to: BaseMemory.maxOfContainer)
            try apply(limits, isNew: true)
        } catch {
            _ = Kernel.removeDirectory(path, in: Kernel.here)
            throw error
        }
    }

    private static func open(_ name: String, in directory: Descriptor) throws(Failure) -> Descriptor {
        Descriptor(
            taking: try check(
                Kernel.open(name, OpenFlag.read, in: directory.rawValue), .controlGroup, "open \(name)"))
    }

    func set(_ name: String, _ value: String) throws(Failure) {
        try writeValue(value, to: name, in: directory.rawValue, .controlGroup)
    }

    /// So much of its zone is there: its limit is no higher.
    func zoneIs(_ bytes: UInt64) {
        guard let current = zoneBytes, current != bytes else { return }
        zoneBytes = bytes
        // A limit below what is used would have it killed, though more may be on its way.
        if bytes < current, memoryCurrent > ZoneGeometry.maxMemoryLimit(inZoneOf: bytes) { return }
        // A limit that was written once can be written again; where not, it is as it was.
        try? writeMemoryMax()
    }

    /// From this much on its processes are slowed down, and `memory.events` counts it.
    func setGrowthLevel(_ bytes: UInt64) {
        guard growthLevel != bytes else { return }
        growthLevel = bytes
        try? writeMemoryHigh()
    }

    private func writeMemoryMax() throws(Failure) {
        let zone = zoneBytes.map { ZoneGeometry.maxMemoryLimit(inZoneOf: $0) } ?? .max
        try set("memory.max", ControlGroup.text(min(memoryMax, zone)))
    }

    private func writeMemoryHigh() throws(Failure) {
        try set("memory.high", ControlGroup.text(min(memoryHigh, growthLevel)))
    }

    /// Sets those limits that are given. A zone's size is a limit that always holds.
    func apply(_ limits: ResourceLimits, isNew: Bool = false) throws(Failure) {
        if let max = limits.memoryMax { memoryMax = max }
        if limits.memoryMax != nil || isNew && zoneBytes != nil { try writeMemoryMax() }
        if let high = limits.memoryHigh {
            memoryHigh = high
            try writeMemoryHigh()
        }
        if let low = limits.memoryLow { try set("memory.low", ControlGroup.text(low)) }
        if let min = limits.memoryMin { try set("memory.min", ControlGroup.text(min)) }
        if let whole = limits.killsWhole { try set("memory.oom.group", whole ? "1" : "0") }
        if let processes = limits.processesMax { try set("pids.max", ControlGroup.text(processes)) }
        try applyProcessorLimits(limits)
    }

    private func applyProcessorLimits(_ limits: ResourceLimits) throws(Failure) {
        // The quota is never less than the burst: which of them has to change first depends on what there was.
        if let burst = limits.cpuBurst, limits.cpuQuota != nil { try? set("cpu.max.burst", "\(burst)") }
        if limits.cpuQuota != nil || limits.cpuPeriod != nil {
            let quota = ControlGroup.text(limits.cpuQuota ?? .max)
            try set("cpu.max", "\(quota) \(limits.cpuPeriod ?? 100_000)")
        }
        if let burst = limits.cpuBurst { try set("cpu.max.burst", "\(burst)") }
        if let isIdle = limits.isIdle { try set("cpu.idle", isIdle ? "1" : "0") }
        // An idle group has no weight (sched_group_set_shares: EINVAL).
        if let weight = limits.cpuWeight, limits.isIdle != true { try set("cpu.weight", "\(weight)") }
    }

    private static func text(_ limit: UInt64) -> String { limit == .max ? "max" : "\(limit)" }

    func file(_ name: String) -> TextFile { TextFile(name, in: directory.rawValue) }

    /// Of all its processes, in the agent's process namespace.
    var processIDs: [UInt32] {
        file("cgroup.procs").bytes.split(separator: 0x0A).map { UInt32(truncatingIfNeeded: TextFile.number(in: $0)) }
    }

    /// Whether a process is in it.
    var isPopulated: Bool { file("cgroup.events").number(after: "populated") != 0 }
    var isFrozen: Bool { file("cgroup.events").number(after: "frozen") != 0 }
    var baseMemoryKills: UInt64 { file("memory.base.failures").number }
    /// How often it came to memory.high.
    var highEvents: UInt64 { file("memory.events").number(after: "high") }
    var memoryCurrent: UInt64 { file("memory.current").number }
    /// What it uses and cannot be dropped unseen.
    var workingSet: UInt64 {
        let current = memoryCurrent
        return current - min(current, file("memory.stat").number(after: "inactive_file"))
    }
    var oomKills: UInt64 { file("memory.events").number(after: "oom_kill") }

    /// Whether its processes may use memory of this node now.
    func hasNode(_ node: UInt32) -> Bool {
        // A list of numbers and ranges, but a container's group has one node.
        let text = file("cpuset.mems.effective").bytes[...]
        return !text.isEmpty && TextFile.number(in: text) == UInt64(node)
    }

    /// Calls back when it becomes empty or frozen, and when it meets a memory limit.
    func watch(loop: PollLoop, stateChanged: @escaping () -> Void, memoryEvent: @escaping () -> Void) {
        loop.watch(events.rawValue, for: Ready.priority) { [events] _ in
            ControlGroup.acknowledge(events)
            stateChanged()
        }
        loop.watch(memoryEvents.rawValue, for: Ready.priority) { [memoryEvents] _ in
            ControlGroup.acknowledge(memoryEvents)
            memoryEvent()
        }
    }

    func unwatch(loop: PollLoop) {
        loop.forget(events.rawValue)
        loop.forget(memoryEvents.rawValue)
    }

    /// A kernfs file reports changes since it was last read.
    private static func acknowledge(_ file: Descriptor) {
        var words = [UInt64](repeating: 0, count: 64)
        _ = Kernel.readWords(file.rawValue, into: &words, count: 64, at: 0)
    }

    func kill() throws(Failure) { try writeValue("1", to: "cgroup.kill", in: directory.rawValue, .kill) }

    /// Removes it; the result is a negative errno value while something is in it.
    func remove() -> Int32 {
        Kernel.removeDirectory("\(ControlGroup.parent)/\(number.rawValue)", in: Kernel.here)
    }
}
