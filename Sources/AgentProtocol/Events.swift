/// How a process ended, as wait(2) tells it.
public struct ExitStatus: Equatable, Sendable {
    /// Linux's wait status. A hostile guest may send any.
    public let rawValue: Int32

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

    public var container: ContainerNumber
    public var process: ProcessNumber
    public var status: ExitStatus
    /// Whether a process of the container was killed for lack of memory before.
    public var oomKilled: Bool
    /// Wall clock of the guest, nanoseconds since 1970 UTC.
    public var time: UInt64

    public init(
        container: ContainerNumber, process: ProcessNumber, status: ExitStatus, oomKilled: Bool, time: UInt64
    ) {
        self.container = container
        self.process = process
        self.status = status
        self.oomKilled = oomKilled
        self.time = time
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.process(process)
        encoder.integer(status.rawValue)
        encoder.flag(oomKilled)
        encoder.integer(time)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        process = try decoder.process()
        status = ExitStatus(rawValue: try decoder.integer())
        oomKilled = try decoder.flag("oom killed")
        time = try decoder.integer()
    }
}

/// The kernel has killed processes of a container because its memory, or its zone's, was full.
public struct OutOfMemory: Message, Equatable {
    public static let type = MessageType.outOfMemory

    public var container: ContainerNumber
    /// memory.events oom_kill: kills so far.
    public var kills: UInt64

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

    public var node: UInt32
    public var onlineBytes: UInt64

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
