import AgentProtocol

/// `linux.resources.unified`: files of control groups v2 by their names (runtime-spec config-linux.md, "Unified").
extension ResourceLimits {
    /// Each is set as its counterpart of the specification is, over it where both are there.
    mutating func set(unified name: String, to value: String) throws(SpecificationError) {
        let setting = "linux.resources.unified"
        switch name {
        case "memory.max": memoryMax = try Self.limit(name, value)
        case "memory.high": memoryHigh = try Self.limit(name, value)
        case "memory.low": memoryLow = try Self.limit(name, value)
        case "memory.min": memoryMin = try Self.limit(name, value)
        case "memory.oom.group": killsWhole = try Self.choice(name, value)
        case "pids.max": processesMax = try Self.limit(name, value)
        case "cpu.weight": cpuWeight = try Self.number(name, value, 1...10_000)
        case "cpu.idle": isIdle = try Self.choice(name, value)
        case "cpu.max.burst": cpuBurst = try Self.number(name, value, 0...UInt64(Int64.max))
        case "cpu.max": try set(bandwidth: value)
        case "memory.swap.max", "memory.swap.high", "memory.zswap.max", "memory.zswap.writeback":
            IneffectiveSetting.note("\(setting) \(name)", "a VM has no swap")
        case "io.weight", "io.bfq.weight": IneffectiveSetting.note("\(setting) \(name)", "a VM has no disks to share")
        case _ where name.hasPrefix("hugetlb.") && (value == "0" || value == "max"): break
        default:
            throw .unsupported(setting: setting, value: name, reason: Self.reason(name))
        }
    }

    private static func reason(_ name: String) -> String {
        switch name.prefix(while: { $0 != "." }) {
        case "cpuset": "host CPUs are not the VM's"
        case "io": "a VM has none of the host's disks"
        case "hugetlb": "the guest has no huge pages"
        case "rdma", "misc": "a VM has no such device"
        default: "the guest has no such file, or it is not a limit"
        }
    }

    /// "max", or a number of bytes, processes or microseconds.
    private static func limit(_ name: String, _ value: String) throws(SpecificationError) -> UInt64 {
        value == "max" ? .max : try number(name, value, 0...UInt64(Int64.max))
    }

    private static func choice(_ name: String, _ value: String) throws(SpecificationError) -> Bool {
        try number(name, value, 0...1) == 1
    }

    private static func number(
        _ name: String, _ value: String, _ range: ClosedRange<UInt64>
    ) throws(SpecificationError) -> UInt64 {
        guard let number = UInt64(value), range.contains(number) else {
            throw .invalid(
                setting: "linux.resources.unified \(name)", value: value,
                expected: "\(range.lowerBound) to \(range.upperBound)")
        }
        return number
    }

    /// "QUOTA PERIOD" or "QUOTA".
    private mutating func set(bandwidth value: String) throws(SpecificationError) {
        let words = value.split(separator: " ").map(String.init)
        guard let quota = words.first, words.count <= 2 else {
            throw .invalid(
                setting: "linux.resources.unified cpu.max", value: value, expected: "max or microseconds, and a period")
        }
        cpuQuota = try quota == "max" ? .max : Self.number("cpu.max", quota, 1000...UInt64(Int64.max))
        if words.count == 2 { cpuPeriod = try Self.number("cpu.max", words[1], 1000...1_000_000) }
    }
}
