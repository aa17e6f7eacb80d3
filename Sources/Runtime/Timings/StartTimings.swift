public import ControlProtocol

/// Where the time of a container's start went: stages one after the other, from the client's beginning to the program's
/// first instruction.
public struct StartTimings: Equatable, Sendable {
    public enum Stage: String, CaseIterable, Sendable {
        /// Options, configuration, image, specification.
        case client
        /// Entering the container, and finding or reserving a VM.
        case registry
        /// A VM's process, until the VM takes containers: next to nothing where there is one.
        case monitor
        /// Until the guest has plugged the zone.
        case plug
        /// The agent's work besides what follows, and the way to it and back.
        case agent
        case mounts
        case exec
    }

    /// When each moment of the client's was, by `MonotonicClock`, in nanoseconds.
    public struct Moments: Equatable, Sendable {
        /// The placing began.
        public var placing: UInt64
        /// The VM that took the container was started, or asked where it was there.
        public var monitor: UInt64
        /// It took the container.
        public var accepted: UInt64
    }

    /// When the client began, by `MonotonicClock`, in nanoseconds.
    public let beganAt: UInt64
    /// Each in microseconds, in the order of `Stage`.
    public let stages: [(stage: Stage, microseconds: UInt64)]

    /// Puts together what the client has timed and what the VM says; the latter may be anything, and was clamped as
    /// it was read (`StartStages`).
    public init(beganAt: UInt64, _ moments: Moments, _ inside: StartStages) {
        self.beganAt = beganAt
        func between(_ start: UInt64, _ end: UInt64) -> UInt64 { end > start ? (end - start) / 1000 : 0 }
        stages = Stage.allCases.map { stage in
            switch stage {
            case .client: (stage, between(beganAt, moments.placing))
            case .registry: (stage, between(moments.placing, moments.monitor))
            case .monitor: (stage, between(moments.monitor, moments.accepted) &+ inside.monitor)
            case .plug: (stage, inside.plug)
            case .agent: (stage, inside.agent)
            case .mounts: (stage, inside.mounts)
            case .exec: (stage, inside.exec)
            }
        }
    }

    /// All stages together, in microseconds.
    public var total: UInt64 { stages.reduce(0) { $0 &+ $1.microseconds } }

    public static func == (one: StartTimings, other: StartTimings) -> Bool {
        one.beganAt == other.beganAt && one.stages.map(\.microseconds) == other.stages.map(\.microseconds)
    }
}
