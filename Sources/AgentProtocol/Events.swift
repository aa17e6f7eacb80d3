/// How a process ended, as wait(2) reports it.
public struct ExitStatus: Equatable, Sendable {
    /// Linux's wait status. A hostile guest may send any.
    public let rawValue: Int32

    /// Takes any value.
    public init(rawValue: Int32) { self.rawValue = rawValue }

    /// The signal that ended it, nil if it exited.
    public var signal: UInt8? {
        let number = UInt8(truncatingIfNeeded: rawValue & 0x7F)
        return number == 0 ? nil : number
    }

    /// Its exit code, or 128 + signal.
    public var code: UInt8 {
        if let signal { return 128 + signal }
        return UInt8(truncatingIfNeeded: rawValue >> 8)
    }
}

/// A process that `CreateContainer` or `Execute` began has ended. Sent once for each; not for one whose start failed.
public struct Exited: Message, Equatable {
    public static let type = MessageType.exited

    /// The container it was in.
    public var container: ContainerNumber
    /// Which of the container's.
    public var process: ProcessNumber
    /// As wait(2) has it.
    public var status: ExitStatus
    /// Whether a process of the container was killed for lack of memory before.
    public var oomKilled: Bool
    /// Whether that was for what it had of the guest's base memory, which all containers share.
    public var isForBaseMemory: Bool
    /// Wall clock of the guest, nanoseconds since 1970 UTC.
    public var time: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        container: ContainerNumber, process: ProcessNumber, status: ExitStatus, oomKilled: Bool,
        isForBaseMemory: Bool = false, time: UInt64
    ) {
        self.container = container
        self.process = process
        self.status = status
        self.oomKilled = oomKilled
        self.isForBaseMemory = isForBaseMemory
        self.time = time
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.process(process)
        encoder.integer(status.rawValue)
        encoder.integer(UInt8(oomKilled ? (isForBaseMemory ? 2 : 1) : 0))
        encoder.integer(time)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        process = try decoder.process()
        status = ExitStatus(rawValue: try decoder.integer())
        let excess: UInt8 = try decoder.integer()
        guard excess <= 2 else { throw .invalidValue(field: "oom killed", value: UInt64(excess)) }
        (oomKilled, isForBaseMemory) = (excess > 0, excess == 2)
        time = try decoder.integer()
    }
}

/// The kernel has killed processes of a container because its memory, or its zone's, was full.
public struct OutOfMemory: Message, Equatable {
    public static let type = MessageType.outOfMemory

    /// The container whose limit, or zone, was met.
    public var container: ContainerNumber
    /// memory.events oom_kill: kills so far.
    public var kills: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber, kills: UInt64) {
        self.container = container
        self.kills = kills
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.integer(kills)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        kills = try decoder.integer()
    }
}

/// A memory block of a zone went online.
public struct ZoneChanged: Message, Equatable {
    public static let type = MessageType.zoneChanged

    /// The zone's NUMA node, from 1.
    public var node: UInt32
    /// What of the zone is online now, in bytes.
    public var onlineBytes: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(node: UInt32, onlineBytes: UInt64) {
        self.node = node
        self.onlineBytes = onlineBytes
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(node)
        encoder.integer(onlineBytes)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        node = try decoder.integer()
        onlineBytes = try decoder.integer()
    }
}
