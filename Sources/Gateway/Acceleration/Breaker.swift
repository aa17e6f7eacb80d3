/// Gives compiled code up where too many events leave it. A pure value; times are milliseconds of a clock that never goes back.
struct Breaker: Equatable, Sendable {
    /// Events that count, and how many of them may be aborted.
    static let window = 100
    static let maxAborts = 10
    /// Code that was given up so often is not made again.
    static let maxTrips = 5
    /// After the first trip; each further wait is twice as long.
    static let firstWait: Int64 = 10_000
    /// So many events in a row without a trip, and earlier ones are forgotten.
    static let forgiveness = 1000

    enum Verdict: Equatable {
        case goOn
        /// Containers have the events until then; afterwards it is traced anew.
        case wait(until: Int64)
        /// For good.
        case giveUp
    }

    /// Whether each of the last events was aborted; a ring.
    private var outcomes: [Bool] = []
    private var next = 0
    private var aborts = 0
    private var sinceTrip = 0
    private(set) var trips = 0

    /// An event has left compiled code, by its end or by an abort.
    mutating func note(aborted: Bool, at now: Int64) -> Verdict {
        if outcomes.count < Self.window {
            outcomes.append(aborted)
        } else {
            if outcomes[next] { aborts -= 1 }
            outcomes[next] = aborted
        }
        next = (next + 1) % Self.window
        if aborted { aborts += 1 }
        sinceTrip += 1
        guard aborts > Self.maxAborts else {
            if sinceTrip >= Self.forgiveness { trips = 0 }
            return .goOn
        }
        (outcomes, next, aborts, sinceTrip) = ([], 0, 0, 0)
        trips += 1
        guard trips < Self.maxTrips else { return .giveUp }
        return .wait(until: now + Self.firstWait << (trips - 1))
    }
}
