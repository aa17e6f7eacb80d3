/// What runs, for a host end that is new to this guest.
public struct ListContainers: Request, Equatable {
    public typealias Reply = ContainerList
    public static let type = MessageType.listContainers

    public init() {}
    public func encode(into encoder: inout MessageEncoder) {}
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {}
}

public struct ContainerState: Equatable, Sendable {
    public enum Phase: UInt8, Sendable {
        /// Made, its program not executed yet.
        case created = 0
        case running = 1
        case paused = 2
        /// Its first process has ended.
        case stopped = 3
    }

    public var container: ContainerNumber
    public var node: UInt32
    public var phase: Phase
    /// Of the first process, in the guest's first process namespace; 0 when it has ended.
    public var processID: UInt32
    /// Of the first process, when it has ended.
    public var exit: ExitStatus?
    public var oomKilled: Bool

    public init(
        container: ContainerNumber, node: UInt32, phase: Phase, processID: UInt32, exit: ExitStatus?, oomKilled: Bool
    ) {
        self.container = container
        self.node = node
        self.phase = phase
        self.processID = processID
        self.exit = exit
        self.oomKilled = oomKilled
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.integer(node)
        encoder.integer(phase.rawValue)
        encoder.integer(processID)
        encoder.optional(exit) { $0.integer($1.rawValue) }
        encoder.flag(oomKilled)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        node = try decoder.integer()
        let value: UInt8 = try decoder.integer()
        guard let phase = Phase(rawValue: value) else { throw .invalidValue(field: "phase", value: UInt64(value)) }
        self.phase = phase
        processID = try decoder.integer()
        exit = try decoder.optional("exit") { d throws(ProtocolError) in ExitStatus(rawValue: try d.integer()) }
        oomKilled = try decoder.flag("oom killed")
    }
}

public struct ContainerList: Message, Equatable {
    public static let type = MessageType.containerList

    public var containers: [ContainerState]

    public init(containers: [ContainerState]) { self.containers = containers }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.list(containers, "containers", atMost: Limits.containers) { $1.encode(into: &$0) }
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        containers = try decoder.list("containers", atMost: Limits.containers) { d throws(ProtocolError) in
            try ContainerState(decoding: &d)
        }
    }
}

/// Freezes all processes of a container; answered when they are.
public struct PauseContainer: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.pauseContainer

    public var container: ContainerNumber

    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// Lets a frozen container go on.
public struct ResumeContainer: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.resumeContainer

    public var container: ContainerNumber

    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// Changes those limits of a container that are not nil. All are tried; the first that fails is the answer.
public struct UpdateResources: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.updateResources

    public var container: ContainerNumber
    public var limits: ResourceLimits

    public init(container: ContainerNumber, limits: ResourceLimits) {
        self.container = container
        self.limits = limits
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        limits.encode(into: &encoder)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        limits = try ResourceLimits(decoding: &decoder)
    }
}

/// Has the kernel take back up to this much of a container's memory (memory.reclaim).
public struct Reclaim: Request, Equatable {
    public typealias Reply = Reclaimed
    public static let type = MessageType.reclaim

    public var container: ContainerNumber
    public var bytes: UInt64

    public init(container: ContainerNumber, bytes: UInt64) {
        self.container = container
        self.bytes = bytes
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.integer(bytes)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        bytes = try decoder.integer()
    }
}

public struct Reclaimed: Message, Equatable {
    public static let type = MessageType.reclaimed

    /// memory.current, in bytes.
    public var before: UInt64
    public var after: UInt64
    public var timings: [StepTiming]

    public init(before: UInt64, after: UInt64, timings: [StepTiming]) {
        self.before = before
        self.after = after
        self.timings = timings
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(before)
        encoder.integer(after)
        encoder.timings(timings)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        before = try decoder.integer()
        after = try decoder.integer()
        timings = try decoder.timings()
    }
}
