public import ControlProtocol
import LinuxSystem

/// A VM as `czone vm list` shows it. The names of the properties, in snake case, are the keys of its JSON.
public struct VirtualMachineStatus: Encodable, Equatable, Sendable {
    public struct Zones: Encodable, Equatable, Sendable {
        public var total: Int
        public var plugged: Int
        public var quarantined: Int
    }

    public struct Memory: Encodable, Equatable, Sendable {
        public var baseBytes: UInt64
        public var baseResidentBytes: UInt64
        public var zonesResidentBytes: UInt64
        public var vmmPrivateBytes: UInt64
    }

    public var id: String
    public var function: String
    public var tenant: String
    public var pid: Int32
    public var state: String
    public var image: String
    public var containers: Int
    public var zones: Zones
    public var memory: Memory
    public var zoneBytes: UInt64
    public var vcpus: Int
    /// From the process's start to the agent's first word; 0 while it boots.
    public var bootMs: Double
    /// Nanoseconds since 1970 UTC.
    public var startedNs: UInt64
}

/// A VM that was asked how it is.
public struct DescribedMachine: Sendable {
    public let machine: VirtualMachineDirectory
    public let key: FunctionKey
    public let record: VirtualMachineRecord
    /// Nil where it does not answer.
    public let description: VirtualMachineDescription?

    public var status: VirtualMachineStatus {
        get throws(RuntimeError) {
            let zones = description?.zones ?? []
            return VirtualMachineStatus(
                id: machine.id, function: key.function, tenant: key.tenant, pid: try machine.processID() ?? 0,
                state: description?.state.word ?? "silent", image: record.image,
                containers: description?.containers.count ?? 0,
                zones: VirtualMachineStatus.Zones(
                    total: record.zoneCount, plugged: zones.filter { $0.pluggedBytes > 0 }.count,
                    quarantined: zones.filter { $0.state == .quarantined }.count),
                memory: VirtualMachineStatus.Memory(
                    baseBytes: record.memoryInBytes, baseResidentBytes: description?.baseResidentBytes ?? 0,
                    zonesResidentBytes: zones.reduce(0) { $0 &+ $1.residentBytes },
                    vmmPrivateBytes: description?.privateResidentBytes ?? 0),
                zoneBytes: record.zoneSizeInBytes, vcpus: record.virtualCPUs,
                bootMs: Double(description?.bootMicroseconds ?? 0) / 1000, startedNs: record.started)
        }
    }
}

extension Registry {
    /// Every living VM and what it says of itself, the oldest first.
    public func describedMachines(measured: Bool) throws(RuntimeError) -> [DescribedMachine] {
        let machines = try virtualMachines()
        let descriptions = Self.descriptions(of: machines, measured: measured)
        var described: [DescribedMachine] = []
        for machine in machines {
            // What ends meanwhile is gone.
            guard let key = try machine.function.key(), let record = try machine.record() else { continue }
            described.append(
                DescribedMachine(machine: machine, key: key, record: record, description: descriptions[machine.id]))
        }
        return described.sorted { ($0.record.started, $0.machine.id) < ($1.record.started, $1.machine.id) }
    }

    /// What VMs say of themselves, by their ids. All are asked first and waited for together, `ControlTimeouts.report` at
    /// most; one that does not answer has none.
    static func descriptions(
        of machines: [VirtualMachineDirectory], measured: Bool
    ) -> [String: VirtualMachineDescription] {
        let deadline = Deadline(inMilliseconds: ControlTimeouts.standard.report)
        var asked: [(id: String, connection: ControlConnection, request: UInt32)] = []
        for machine in machines {
            guard let connection = try? machine.connect(),
                let request = try? connection.send(.describe(measured: measured))
            else { continue }
            asked.append((machine.id, connection, request))
        }
        var descriptions: [String: VirtualMachineDescription] = [:]
        for (id, connection, request) in asked {
            while let frame = try? connection.receive(withinMilliseconds: deadline.remainingMilliseconds) {
                guard frame.request == request else { continue }
                if case .description(let description) = frame.content { descriptions[id] = description }
                break
            }
        }
        return descriptions
    }

    /// A VM and what it says of itself; nil where it is gone.
    public func describe(_ machine: VirtualMachineDirectory, measured: Bool) throws(RuntimeError) -> DescribedMachine? {
        guard let key = try machine.function.key(), let record = try machine.record() else { return nil }
        return DescribedMachine(
            machine: machine, key: key, record: record, description: try? machine.describe(measured: measured))
    }
}

extension VirtualMachineDescription.State {
    public var word: String {
        switch self {
        case .booting: "booting"
        case .ready: "ready"
        case .stopping: "stopping"
        }
    }
}

extension ZoneReport.State {
    public var word: String {
        switch self {
        case .absent: "free"
        case .plugging: "plugging"
        case .online: "online"
        case .draining: "draining"
        case .unplugging: "unplugging"
        case .quarantined: "quarantined"
        }
    }
}
