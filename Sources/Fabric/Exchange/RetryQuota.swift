import Synchronization

/// How often exchanges of a policy are tried again: the standard mode of AWS's SDKs ("Retry behavior"). Any thread may use it.
final class RetryQuota: Sendable {
    /// Tries of one exchange, the first one too.
    static let maxAttempts = 3
    /// Tokens that there are at first, and at most.
    static let capacity = 500
    static let cost = 5
    /// Of a try after nothing had come in time.
    static let timeoutCost = 10
    /// The longest wait, in milliseconds.
    private static let maxDelay = 20_000.0

    private let tokens = Mutex(RetryQuota.capacity)

    /// Takes a try's tokens; false where there are not enough: the store has enough to do.
    func take(_ cost: Int) -> Bool {
        tokens.withLock { tokens in
            guard tokens >= cost else { return false }
            tokens -= cost
            return true
        }
    }

    /// An exchange has come to a good end: what its last try has cost, or one token for one that needed no further try.
    func giveBack(_ cost: Int) { tokens.withLock { $0 = min(Self.capacity, $0 + max(1, cost)) } }

    /// The wait before a further try, in milliseconds: a random part of a second that doubles.
    ///
    /// - Parameters:
    ///   - attempt: how many there were, from 1.
    ///   - random: from 0 to 1.
    static func delay(after attempt: Int, random: Double) -> Int64 {
        var bound = 1000.0
        for _ in 1..<max(1, min(attempt, 16)) { bound *= 2 }
        return Int64(random * min(bound, maxDelay))
    }

    /// Answers after which a further try may have another.
    static func isTransient(_ status: UInt) -> Bool { [429, 500, 502, 503, 504].contains(status) }
}
