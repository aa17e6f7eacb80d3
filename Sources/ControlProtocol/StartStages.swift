import AgentProtocol

/// Where the time of a container's start went in its VM, in microseconds: parts of the whole, one after the other.
public struct StartStages: Equatable, Sendable {
    /// Until the VM was ready: its boot, or its restore. 0 in one that was.
    public var monitor: UInt64 = 0
    /// Until the guest had plugged the zone.
    public var plug: UInt64 = 0
    /// The agent's work, and the way to it and back, besides what follows.
    public var agent: UInt64 = 0
    /// The root file system and mounts.
    public var mounts: UInt64 = 0
    /// From the last mount to the program's first instruction.
    public var exec: UInt64 = 0

    /// Of a start that took no time.
    public init() {}

    /// Divides up a whole. What the guest says of its parts is clamped, so that the parts' sum is the whole.
    public init(whole: UInt64, monitor: UInt64, plug: UInt64, mounts: UInt64, exec: UInt64) {
        var rest = whole
        func take(_ part: UInt64) -> UInt64 {
            let taken = min(part, rest)
            rest -= taken
            return taken
        }
        self.monitor = take(monitor)
        self.plug = take(plug)
        self.mounts = take(mounts)
        self.exec = take(exec)
        agent = rest
    }

    /// All of it, by name, in the order of their coming.
    public subscript(stage stage: StartStage) -> UInt64 {
        switch stage {
        case .monitor: monitor
        case .plug: plug
        case .agent: agent
        case .mounts: mounts
        case .exec: exec
        }
    }

    func encode(into encoder: inout MessageEncoder) {
        for stage in StartStage.allCases { encoder.integer(self[stage: stage]) }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        monitor = try decoder.integer()
        plug = try decoder.integer()
        agent = try decoder.integer()
        mounts = try decoder.integer()
        exec = try decoder.integer()
    }
}

/// A part of a container's start in its VM.
public enum StartStage: UInt8, CaseIterable, Sendable {
    case monitor = 1
    case plug = 2
    case agent = 3
    case mounts = 4
    case exec = 5

    /// Its name in tables, traces and metrics.
    public var name: String {
        switch self {
        case .monitor: "monitor"
        case .plug: "plug"
        case .agent: "agent"
        case .mounts: "mounts"
        case .exec: "exec"
        }
    }

    /// Upper bounds of the stages' histograms, in microseconds. Never changed: comparisons of old and new data rely on it.
    public static let bounds: [UInt64] = [
        500, 1000, 2500, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000,
        10_000_000,
    ]
}
