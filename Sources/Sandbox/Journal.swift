public import SandboxProtocol

/// What has crossed between an event and the outside, in its order: a container that takes the event over is answered from
/// it, and so does nothing twice.
public struct Journal: Equatable, Sendable {
    public enum Entry: Equatable, Sendable {
        case call(ExternalCall)
        /// The answer to the call of this number.
        case answered(Int, ExternalAnswer)
        case clock(Double)
        case random(Double)
        /// A line for standard output (1) or standard error (2).
        case log(stream: Int, [UInt8])
        /// The event was answered with this text; none, with undefined.
        case result([UInt8]?)
    }

    public private(set) var entries: [Entry] = []

    public init() {}

    mutating func append(_ entry: Entry) { entries.append(entry) }

    /// Whether the event was answered.
    public var hasResult: Bool { entries.contains { entry in if case .result = entry { true } else { false } } }

    /// JSON text that the event was answered with; nil: nothing, or undefined.
    public var result: [UInt8]? {
        for case .result(let text) in entries { return text }
        return nil
    }

    /// External calls, in their order.
    public var calls: [ExternalCall] {
        entries.compactMap { entry in if case .call(let call) = entry { call } else { nil } }
    }

    /// What the clock and random numbers have given.
    public var readings: SandboxFrame.Readings {
        var readings = SandboxFrame.Readings()
        for entry in entries {
            if case .clock(let value) = entry { readings.clock.append(value.bitPattern) }
            if case .random(let value) = entry { readings.random.append(value.bitPattern) }
        }
        return readings
    }

    /// What was printed.
    public var log: [SandboxFrame.LogLine] {
        entries.compactMap { entry in
            if case .log(let stream, let line) = entry { SandboxFrame.LogLine(stream: stream, text: line) } else { nil }
        }
    }
}
