/// Reads the guest's wall clock: the host compares it with its own, by the times at which it asked and was answered.
public struct ReadClock: Request, Equatable {
    public typealias Reply = ClockReading
    public static let type = MessageType.readClock

    /// Has no fields.
    public init() {}
    public func encode(into encoder: inout MessageEncoder) {}
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {}
}

/// What the guest's wall clock shows as the agent answers.
public struct ClockReading: Message, Equatable {
    public static let type = MessageType.clockReading

    /// Nanoseconds since 1970 UTC.
    public var wallClock: UInt64

    /// Takes the field as it is.
    public init(wallClock: UInt64) { self.wallClock = wallClock }
    public func encode(into encoder: inout MessageEncoder) { encoder.integer(wallClock) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { wallClock = try decoder.integer() }
}

/// Moves the guest's wall clock by a difference, so that it does not matter how long the message takes: at once, or slowly
/// where it is small (`AdjustClock.maxSlew`). Monotonic clocks go on as they are.
public struct AdjustClock: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.adjustClock

    /// Differences below this, in nanoseconds, are taken by a clock that runs up to a two-thousandth faster or slower
    /// (adjtime(3)): it never goes back. In place of what was left of such a one before.
    public static let maxSlew: Int64 = 4_000_000

    /// How far the clock is to go forward, in nanoseconds; below 0: back.
    public var nanoseconds: Int64

    /// Takes the field as it is.
    public init(nanoseconds: Int64) { self.nanoseconds = nanoseconds }
    public func encode(into encoder: inout MessageEncoder) { encoder.integer(nanoseconds) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { nanoseconds = try decoder.integer() }
}
