public import AgentProtocol

/// A VM as it is now.
public struct VirtualMachineDescription: Equatable, Sendable {
    /// Where its life is.
    public enum State: UInt8, Sendable {
        /// The agent has not answered yet.
        case booting = 1
        /// It takes containers.
        case ready = 2
        /// It takes none any more.
        case stopping = 3
    }

    /// Where its life is.
    public var state: State
    /// How many it has, from 1.
    public var virtualCPUs: UInt32
    /// Base memory: node 0.
    public var baseSizeInBytes: UInt64
    /// Host memory that the base occupies now.
    public var baseResidentBytes: UInt64
    /// Private memory of the VM's process besides guest memory.
    public var privateResidentBytes: UInt64
    /// From the process's start to the agent's Hello, in microseconds; 0 while booting.
    public var bootMicroseconds: UInt64
    /// In the order of their nodes.
    public var zones: [ZoneReport]
    /// In the order in which they came.
    public var containers: [ContainerReport]

    public init(
        state: State, virtualCPUs: UInt32, baseSizeInBytes: UInt64, baseResidentBytes: UInt64,
        privateResidentBytes: UInt64, bootMicroseconds: UInt64, zones: [ZoneReport], containers: [ContainerReport]
    ) {
        self.state = state
        self.virtualCPUs = virtualCPUs
        self.baseSizeInBytes = baseSizeInBytes
        self.baseResidentBytes = baseResidentBytes
        self.privateResidentBytes = privateResidentBytes
        self.bootMicroseconds = bootMicroseconds
        self.zones = zones
        self.containers = containers
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.integer(state.rawValue)
        encoder.integer(virtualCPUs)
        encoder.integer(baseSizeInBytes)
        encoder.integer(baseResidentBytes)
        encoder.integer(privateResidentBytes)
        encoder.integer(bootMicroseconds)
        encoder.list(zones, "zones", atMost: Limits.zones) { $1.encode(into: &$0) }
        encoder.list(containers, "containers", atMost: Limits.containers) { $1.encode(into: &$0) }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let value: UInt8 = try decoder.integer()
        guard let state = State(rawValue: value) else { throw .invalidValue(field: "state", value: UInt64(value)) }
        self.state = state
        virtualCPUs = try decoder.integer()
        baseSizeInBytes = try decoder.integer()
        baseResidentBytes = try decoder.integer()
        privateResidentBytes = try decoder.integer()
        bootMicroseconds = try decoder.integer()
        zones = try decoder.list("zones", atMost: Limits.zones) { d throws(ProtocolError) in
            try ZoneReport(decoding: &d)
        }
        containers = try decoder.list("containers", atMost: Limits.containers) { d throws(ProtocolError) in
            try ContainerReport(decoding: &d)
        }
    }
}

/// A zone as it is now.
public struct ZoneReport: Equatable, Sendable {
    /// The states of `Zones`, as numbers that last.
    public enum State: UInt8, Sendable {
        case absent = 0
        case plugging = 1
        case online = 2
        case draining = 3
        case unplugging = 4
        case quarantined = 5
    }

    /// From 1: its NUMA node in the guest.
    public var node: UInt32
    /// Its first guest-physical address.
    public var base: UInt64
    /// How much can be plugged in it, in bytes.
    public var sizeInBytes: UInt64
    /// Where its life is.
    public var state: State
    /// How much the guest has plugged, in bytes.
    public var pluggedBytes: UInt64
    /// Host memory that it occupies now.
    public var residentBytes: UInt64
    /// Why it is quarantined; empty otherwise.
    public var reason: String

    public init(
        node: UInt32, base: UInt64, sizeInBytes: UInt64, state: State, pluggedBytes: UInt64, residentBytes: UInt64,
        reason: String
    ) {
        self.node = node
        self.base = base
        self.sizeInBytes = sizeInBytes
        self.state = state
        self.pluggedBytes = pluggedBytes
        self.residentBytes = residentBytes
        self.reason = reason
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.integer(node)
        encoder.integer(base)
        encoder.integer(sizeInBytes)
        encoder.integer(state.rawValue)
        encoder.integer(pluggedBytes)
        encoder.integer(residentBytes)
        encoder.message(reason, "reason", atMost: ControlLimits.text)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        node = try decoder.integer()
        base = try decoder.integer()
        sizeInBytes = try decoder.integer()
        let value: UInt8 = try decoder.integer()
        guard let state = State(rawValue: value) else { throw .invalidValue(field: "zone state", value: UInt64(value)) }
        self.state = state
        pluggedBytes = try decoder.integer()
        residentBytes = try decoder.integer()
        reason = try decoder.message("reason", atMost: ControlLimits.text)
    }
}

/// A container as it is now.
public struct ContainerReport: Equatable, Sendable {
    /// Where its life is.
    public enum State: UInt8, Sendable {
        /// Its program does not run yet.
        case starting = 1
        /// Its program runs.
        case running = 2
        /// Its processes are frozen.
        case paused = 3
        /// Its first process has ended; its zone is on its way out.
        case ending = 4
    }

    /// Unique in the VM.
    public var id: String
    /// Where its life is.
    public var state: State
    /// 0: none.
    public var node: UInt32
    /// Of its first process, in the guest; 0: there is none yet.
    public var guestProcessID: UInt32
    /// What the agent measured, where it was asked.
    public var measure: ContainerMeasure?

    public init(id: String, state: State, node: UInt32, guestProcessID: UInt32, measure: ContainerMeasure?) {
        self.id = id
        self.state = state
        self.node = node
        self.guestProcessID = guestProcessID
        self.measure = measure
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.name(id)
        encoder.integer(state.rawValue)
        encoder.integer(node)
        encoder.integer(guestProcessID)
        encoder.optional(measure) { $1.encode(into: &$0) }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        id = try decoder.name()
        let value: UInt8 = try decoder.integer()
        guard let state = State(rawValue: value) else {
            throw .invalidValue(field: "container state", value: UInt64(value))
        }
        self.state = state
        node = try decoder.integer()
        guestProcessID = try decoder.integer()
        measure = try decoder.optional("measure") { d throws(ProtocolError) in try ContainerMeasure(decoding: &d) }
    }
}
