/// When a wait is over, by the monotonic clock.
public struct Deadline: Sendable {
    /// By `MonotonicClock`.
    public let nanoseconds: UInt64

    /// So many milliseconds from now; not negative.
    public init(inMilliseconds milliseconds: CInt) {
        nanoseconds = MonotonicClock.nanoseconds + UInt64(max(0, milliseconds)) * 1_000_000
    }

    /// Rounded up; 0 when it has passed.
    public var remainingMilliseconds: CInt {
        let now = MonotonicClock.nanoseconds
        return now < nanoseconds ? CInt(clamping: (nanoseconds - now + 999_999) / 1_000_000) : 0
    }

    public var hasPassed: Bool { MonotonicClock.nanoseconds >= nanoseconds }
}
