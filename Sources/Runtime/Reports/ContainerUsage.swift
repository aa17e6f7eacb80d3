import AgentProtocol
import ControlProtocol

/// A container's use of resources as `czone stats` shows it. The names of the properties, in snake case, are the keys of
/// its JSON.
public struct ContainerUsage: Encodable, Equatable, Sendable {
    public struct Zone: Encodable, Equatable, Sendable {
        public var node: UInt32
        /// Its first byte's address in the guest.
        public var base: UInt64
        public var sizeBytes: UInt64
        public var pluggedBytes: UInt64
        /// As the guest says.
        public var usedBytes: UInt64
        /// As the host sees it.
        public var residentBytes: UInt64
    }

    public var id: String
    public var function: String
    public var tenant: String
    public var vm: String
    public var zone: Zone
    public var cpuNs: UInt64
    public var pids: UInt64
    public var memoryBytes: UInt64
    public var memoryLimitBytes: UInt64
}

extension DescribedMachine {
    /// What each of its containers uses.
    public var usages: [ContainerUsage] {
        let zones = Dictionary((description?.zones ?? []).map { ($0.node, $0) }) { first, _ in first }
        // A clock that was set back makes no time negative.
        let age = currentTimeInNanoseconds() - min(record.started, currentTimeInNanoseconds())
        let cpu = age.multipliedReportingOverflow(by: UInt64(clamping: record.virtualCPUs))
        return (description?.containers ?? []).map { container in
            let zone = zones[container.node]
            // Without a zone it lives in the base.
            let measure = container.measure?.plausible(
                memoryInBytes: zone?.sizeInBytes ?? record.memoryInBytes,
                cpuNanoseconds: cpu.overflow ? .max : cpu.partialValue)
            return ContainerUsage(
                id: container.id, function: key.function, tenant: key.tenant, vm: machine.id,
                zone: ContainerUsage.Zone(
                    node: container.node, base: zone?.base ?? 0, sizeBytes: zone?.sizeInBytes ?? 0,
                    pluggedBytes: zone?.pluggedBytes ?? 0, usedBytes: measure?.zoneUsed ?? 0,
                    residentBytes: zone?.residentBytes ?? 0),
                cpuNs: measure?.cpuUsage ?? 0, pids: measure?.processes ?? 0, memoryBytes: measure?.memoryCurrent ?? 0,
                memoryLimitBytes: measure?.memoryMax ?? 0)
        }
    }
}

/// A VM's memory as `czone zones` shows it. The names of the properties, in snake case, are the keys of its JSON.
public struct MemoryReport: Encodable, Equatable, Sendable {
    public struct Base: Encodable, Equatable, Sendable {
        public var sizeBytes: UInt64
        public var residentBytes: UInt64
    }

    public struct Zone: Encodable, Equatable, Sendable {
        public var node: UInt32
        public var base: UInt64
        public var sizeBytes: UInt64
        public var state: String
        public var pluggedBytes: UInt64
        public var usedBytes: UInt64
        public var residentBytes: UInt64
        /// Empty: none.
        public var container: String
        /// Why it is quarantined; else empty.
        public var reason: String
    }

    public var vm: String
    public var function: String
    public var tenant: String
    public var state: String
    public var base: Base
    public var zones: [Zone]
}

extension DescribedMachine {
    public var memoryMap: MemoryReport {
        let containers = Dictionary((description?.containers ?? []).map { ($0.node, $0) }) { first, _ in first }
        return MemoryReport(
            vm: machine.id, function: key.function, tenant: key.tenant, state: description?.state.word ?? "silent",
            base: MemoryReport.Base(
                sizeBytes: record.memoryInBytes, residentBytes: description?.baseResidentBytes ?? 0),
            zones: (description?.zones ?? []).map { zone in
                MemoryReport.Zone(
                    node: zone.node, base: zone.base, sizeBytes: zone.sizeInBytes, state: zone.state.word,
                    pluggedBytes: zone.pluggedBytes, usedBytes: containers[zone.node]?.measure?.zoneUsed ?? 0,
                    residentBytes: zone.residentBytes, container: containers[zone.node]?.id ?? "", reason: zone.reason)
            })
    }
}
