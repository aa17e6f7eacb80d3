public import AgentProtocol
import Geometry
public import OCI

extension SpecificationCompiler {
    /// What a container's group in the guest gets. What a VM has nothing for, such as swap, is taken where it allows or
    /// weighs only, and said once.
    public func limits(_ resources: RuntimeSpec.Resources) throws(SpecificationError) -> ResourceLimits {
        try refuseUnsupported(resources)
        noteIneffective(resources)
        var limits = ResourceLimits()
        limits.memoryLow = try resources.memory?.reservation.flatMap { bytes throws(SpecificationError) in
            bytes <= 0 ? nil : UInt64(bytes)
        }
        if let pids = resources.pids { limits.processesMax = pids.limit <= 0 ? .max : UInt64(pids.limit) }
        if let cpu = resources.cpu { try set(cpu, &limits) }
        limits.memoryMax = resources.memory?.limit.flatMap { $0 > 0 ? UInt64($0) : nil }
        for (name, value) in (resources.unified ?? [:]).sorted(by: { $0.key < $1.key }) {
            try limits.set(unified: name, to: value)
        }
        let most = zoneSizeInBytes > 0 ? ZoneGeometry.maxMemoryLimit(inZoneOf: zoneSizeInBytes) : UInt64.max
        limits.memoryMax = min(limits.memoryMax ?? .max, most)
        return limits
    }

    private func noteIneffective(_ resources: RuntimeSpec.Resources) {
        let prefix = "linux.resources"
        let memory = resources.memory
        let swap = memory?.swap ?? 0
        if swap > 0, memory?.limit.map({ swap > $0 }) ?? true {
            IneffectiveSetting.note("\(prefix).memory.swap", "a VM has no swap")
        }
        if (memory?.swappiness ?? 0) > 0 { IneffectiveSetting.note("\(prefix).memory.swappiness", "a VM has no swap") }
        if isWeighed(resources.blockIO) {
            IneffectiveSetting.note("\(prefix).blockIO weights", "a VM has no disks to share")
        }
    }

    private func refuseUnsupported(_ resources: RuntimeSpec.Resources) throws(SpecificationError) {
        let memory = resources.memory
        let prefix = "linux.resources"
        try SpecificationError.refuse(
            (memory?.kernel ?? 0) > 0, "\(prefix).memory.kernel", "\(memory?.kernel ?? 0)", "Linux has given it up")
        try SpecificationError.refuse(
            (memory?.kernelTCP ?? 0) > 0, "\(prefix).memory.kernelTCP", "\(memory?.kernelTCP ?? 0)",
            "control groups v2 lack it")
        try SpecificationError.refuse(
            memory?.disableOOMKiller == true, "\(prefix).memory.disableOOMKiller", "true", "control groups v2 lack it")
        let cpu = resources.cpu
        try SpecificationError.refuse(
            (cpu?.realtimeRuntime ?? 0) != 0, "\(prefix).cpu.realtimeRuntime", "", "control groups v2 lack it")
        try SpecificationError.refuse(
            (cpu?.realtimePeriod ?? 0) != 0, "\(prefix).cpu.realtimePeriod", "", "control groups v2 lack it")
        try SpecificationError.refuse(
            cpu?.cpus?.isEmpty == false, "\(prefix).cpu.cpus", cpu?.cpus ?? "", "host CPUs are not the VM's")
        try SpecificationError.refuse(
            cpu?.mems?.isEmpty == false, "\(prefix).cpu.mems", cpu?.mems ?? "", "the zone decides")
        try SpecificationError.refuse(
            isThrottled(resources.blockIO), "\(prefix).blockIO throttling", "", "a VM has none of the host's disks")
        // A limit of 0 forbids what the guest does not have.
        let huge = resources.hugepageLimits?.first { $0.limit > 0 }
        try SpecificationError.refuse(
            huge != nil, "\(prefix).hugepageLimits", huge?.pageSize ?? "", "the guest has no huge pages")
        let network = resources.network
        let isClassified = (network?.classID ?? 0) != 0 || network?.priorities?.isEmpty == false
        try SpecificationError.refuse(isClassified, "\(prefix).network", "", "control groups v2 lack it")
        try SpecificationError.refuse(resources.rdma?.isEmpty == false, "\(prefix).rdma", "", "a VM has no such device")
    }

    private func isWeighed(_ blockIO: RuntimeSpec.BlockIO?) -> Bool {
        guard let blockIO else { return false }
        return (blockIO.weight ?? 0) > 0 || (blockIO.leafWeight ?? 0) > 0 || blockIO.weightDevice?.isEmpty == false
    }

    private func isThrottled(_ blockIO: RuntimeSpec.BlockIO?) -> Bool {
        [
            blockIO?.throttleReadBpsDevice, blockIO?.throttleWriteBpsDevice, blockIO?.throttleReadIOPSDevice,
            blockIO?.throttleWriteIOPSDevice,
        ].contains { $0?.isEmpty == false }
    }

    private func set(_ cpu: RuntimeSpec.CPU, _ limits: inout ResourceLimits) throws(SpecificationError) {
        if let shares = cpu.shares, shares > 0 { limits.cpuWeight = Self.weight(ofShares: shares) }
        limits.cpuBurst = cpu.burst
        limits.isIdle = cpu.idle.map { $0 != 0 }
        if let period = cpu.period, period > 0 {
            guard (1000...1_000_000).contains(period) else {
                throw .invalid(
                    setting: "linux.resources.cpu.period", value: "\(period)", expected: "1000 to 1000000 microseconds")
            }
            limits.cpuPeriod = period
        }
        guard let quota = cpu.quota, quota != 0 else { return }
        guard quota < 0 || quota >= 1000 else {
            throw .invalid(
                setting: "linux.resources.cpu.quota", value: "\(quota)", expected: "at least 1000 microseconds")
        }
        limits.cpuQuota = quota < 0 ? .max : UInt64(quota)
    }

    /// Shares of control groups v1 (2 … 262144) as a weight of v2 (1 … 10000), as every OCI runtime converts them.
    static func weight(ofShares shares: UInt64) -> UInt64 {
        1 + (min(max(shares, 2), 262_144) - 2) * 9999 / 262_142
    }
}
