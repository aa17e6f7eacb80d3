public import ControlProtocol
import Geometry
import OCI

/// A container as `czone ps` shows it. The names of the properties, in snake case, are the keys of its JSON.
public struct ContainerStatus: Encodable, Equatable, Sendable {
    public enum State: String, Encodable, Sendable {
        case starting, running, paused, exited
        /// Its VM does not answer.
        case unknown
    }

    public struct Exit: Encodable, Equatable, Sendable {
        public var code: Int
        public var outOfMemory: Bool
        /// Why, where it was not its program's own doing.
        public var reason: String
        /// Nanoseconds since 1970 UTC.
        public var timeNs: UInt64
    }

    public var id: String
    public var function: String
    public var tenant: String
    public var image: String
    public var command: [String]
    public var vm: String
    public var state: State
    /// Nanoseconds since 1970 UTC.
    public var createdNs: UInt64
    public var zoneBytes: UInt64
    public var memoryLimitBytes: UInt64
    public var exit: Exit?
}

extension Registry {
    /// Every container, the newest first. VMs are asked for the state of those that run.
    public func containerStatuses() throws(RuntimeError) -> [ContainerStatus] {
        var found: [(record: ContainerRecord, exit: ExitRecord?)] = []
        var machines: Set<VirtualMachineDirectory> = []
        for directory in try containers() {
            guard let record = try directory.record() else { continue }
            let exit = try directory.exitRecord()
            if exit == nil, let id = record.virtualMachine {
                machines.insert(function(named: record.key).virtualMachine(id))
            }
            found.append((record, exit))
        }
        let descriptions = Self.descriptions(of: Array(machines), measured: false)
        let statuses = found.map { record, exit in
            guard exit == nil else { return Self.status(record, .exited, exit) }
            guard let description = descriptions[record.virtualMachine ?? ""] else {
                return Self.status(record, record.virtualMachine == nil ? .starting : .unknown, nil)
            }
            let report = description.containers.first { $0.id == record.id }
            return Self.status(record, report?.state.status ?? .starting, nil)
        }
        return statuses.sorted { ($1.createdNs, $1.id) < ($0.createdNs, $0.id) }
    }

    private static func status(
        _ record: ContainerRecord, _ state: ContainerStatus.State, _ exit: ExitRecord?
    ) -> ContainerStatus {
        ContainerStatus(
            id: record.id, function: record.function, tenant: record.tenant, image: record.image,
            command: record.process.args ?? [], vm: record.virtualMachine ?? "", state: state,
            createdNs: record.created,
            zoneBytes: record.zoneSizeInBytes, memoryLimitBytes: record.memoryLimitInBytes,
            exit: exit.map { exit in
                ContainerStatus.Exit(
                    code: Int(exit.code), outOfMemory: exit.outOfMemory, reason: explanation(of: exit, record),
                    timeNs: exit.time)
            })
    }

    /// Why a container ended, in a few words; empty where its program ended by itself.
    public static func explanation(of exit: ExitRecord, _ record: ContainerRecord) -> String {
        // What was not for its own limit or zone, the VM has said.
        guard exit.outOfMemory, exit.reason.isEmpty else { return exit.reason }
        let (zone, limit) = (ByteSize(bytes: record.zoneSizeInBytes), ByteSize(bytes: record.memoryLimitInBytes))
        if record.isAlone { return "it needed more than its limit of \(limit)" }
        // A sandbox has neither zone nor limit; only a guest that lies says that it was out of memory.
        guard record.zoneSizeInBytes > ZoneGeometry.headroomInBytes else {
            return exit.cause
        }
        if record.memoryLimitInBytes < ZoneGeometry.maxMemoryLimit(inZoneOf: record.zoneSizeInBytes) {
            return "it needed more than its limit of \(limit) in its zone of \(zone)"
        }
        return "it needed more than its zone of \(zone)"
    }

}

extension ContainerReport.State {
    fileprivate var status: ContainerStatus.State {
        switch self {
        case .starting: .starting
        case .running, .ending: .running
        case .paused: .paused
        }
    }
}
