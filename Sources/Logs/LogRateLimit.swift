/// How many lines of one kind may be written: a burst, then so many each second. What is beyond is counted, not written,
/// so that a guest fills no disk and slows down nobody (a token bucket, RFC 2697 with one rate).
public struct LogRateLimit: Sendable {
    private let burst: UInt64
    /// In nanoseconds.
    private let interval: UInt64
    private var tokens: UInt64
    private var refilledAt: UInt64
    private var suppressed: UInt64 = 0

    /// - Parameters:
    ///   - burst: lines at once, at least 1.
    ///   - linesPerSecond: lines in the long run, at least 1.
    ///   - now: by a clock that never goes back, in nanoseconds.
    public init(burst: UInt64, linesPerSecond: UInt64, now: UInt64) {
        precondition(burst > 0 && linesPerSecond > 0, "a log that never says anything")
        self.burst = burst
        interval = 1_000_000_000 / linesPerSecond
        tokens = burst
        refilledAt = now
    }

    /// Asks for one line: how many were suppressed since the last one, or nil for a line that is not to be written.
    public mutating func admit(now: UInt64) -> UInt64? {
        let refills = now > refilledAt ? (now - refilledAt) / interval : 0
        if tokens == burst || refills >= burst - tokens {
            (tokens, refilledAt) = (burst, max(now, refilledAt))
        } else {
            tokens += refills
            refilledAt += refills * interval
        }
        guard tokens > 0 else {
            suppressed &+= 1
            return nil
        }
        tokens -= 1
        defer { suppressed = 0 }
        return suppressed
    }
}
