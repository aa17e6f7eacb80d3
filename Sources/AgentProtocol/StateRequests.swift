/// Freezes all processes of a container; answered when they are. Fails with ETIMEDOUT, and they are thawed, where that
/// takes longer than the agent waits.
public struct PauseContainer: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.pauseContainer

    /// One that runs or is paused; EBUSY else.
    public var container: ContainerNumber

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// Lets the processes of a frozen container run again.
public struct ResumeContainer: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.resumeContainer

    /// One that was made; without effect where it is not paused.
    public var container: ContainerNumber

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// Changes those limits of a container that are not nil. All are tried; the first that fails is the answer.
public struct UpdateResources: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.updateResources

    /// One that was made; ENOENT else.
    public var container: ContainerNumber
    /// nil in it: unchanged.
    public var limits: ResourceLimits

    /// Takes the fields as they are; encoding checks them against `Limits`.
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

    /// One that was made; ENOENT else.
    public var container: ContainerNumber
    /// More than there is takes all that can go.
    public var bytes: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
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

/// What a container had before and after a `Reclaim`.
public struct Reclaimed: Message, Equatable {
    public static let type = MessageType.reclaimed

    /// memory.current before, in bytes.
    public var before: UInt64
    /// memory.current afterwards, in bytes.
    public var after: UInt64
    /// `reclaim`, once.
    public var timings: [StepTiming]

    /// Takes the fields as they are; encoding checks them against `Limits`.
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
