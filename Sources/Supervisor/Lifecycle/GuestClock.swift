import AgentProtocol
import LinuxSystem

/// Keeps the guest's wall clock with the host's.
///
/// The guest counts by the processor, as the host's raw clock does; so the two wall clocks part when the host's is set,
/// which it says by an event, and when it is slewed, which shows in its distance from the raw clock: looked at once a
/// second while there are containers. Only then is the guest asked for its time, and moved by the difference, which the
/// messages' delay makes no larger: of a few exchanges the quickest counts, and half of its time is what is not known.
/// Protected by the device lock.
final class GuestClock {
    /// Between two looks, in milliseconds; the second where the host's clock is slewed hard, as some do at their start.
    private static let interval: UInt64 = 1000
    private static let shortInterval: UInt64 = 100
    /// What the host's clock may have been slewed since the guest's was last compared, in nanoseconds.
    private static let tolerance: UInt64 = 500_000
    /// By so much in a second it is slewed hard.
    private static let hardSlew: UInt64 = 2_000_000
    /// The guest's count by the processor may differ by some parts in a million: so often it is asked in any case, in
    /// nanoseconds.
    private static let maxAge: UInt64 = 16_000_000_000
    /// Exchanges of one comparison, at most, and how quick one is that needs no other, in nanoseconds.
    private static let maxExchanges = 5
    private static let quickExchange: UInt64 = 4_000_000
    /// So often a comparison that came to nothing is made again soon.
    private static let maxInconclusive = 10

    /// The host's clocks, in nanoseconds.
    struct Time {
        /// Since 1970 UTC.
        var wall: UInt64
        /// By the processor alone, from any start.
        var raw: UInt64

        static var now: Time { Time(wall: WallClock.nanoseconds, raw: MonotonicClock.rawNanoseconds) }

        /// How far the wall clock is before the raw one; only differences of it have a meaning.
        var distance: Int64 { Int64(bitPattern: wall &- raw) }
    }

    /// What one exchange with the guest says.
    private struct Exchange {
        /// How far the guest's clock is to go forward.
        var difference: Int64
        /// From the question to the answer.
        var duration: UInt64
    }

    private let agent: AgentSession
    private let containers: ContainerTable
    private let now: () -> Time
    private let steps: ClockStepDescriptor
    private let timer: TimerDescriptor
    /// The guest was set up, and its clock set.
    private var isFollowing = false
    /// When the guest's clock was last found right, or moved; nil: it is not known to be right.
    private var comparedAt: Time?
    private var lastLook: Time?
    /// Comparisons in a row that left the guest's clock unknown: exchanges are slow while much begins.
    private var inconclusive = 0
    /// Of the comparison that is under way; nil: none is.
    private var exchanges: [Exchange]?

    init(
        _ agent: AgentSession, _ containers: ContainerTable, on loop: EventLoop, now: @escaping () -> Time = { .now }
    ) throws(SystemError) {
        self.agent = agent
        self.containers = containers
        self.now = now
        steps = try ClockStepDescriptor()
        timer = try TimerDescriptor()
        try loop.add(steps.descriptor, for: .readable) { [unowned self] _ in
            steps.drain()
            comparedAt = nil
            if isFollowing { compare() }
        }
        try loop.add(timer.descriptor, for: .readable) { [unowned self] _ in if timer.drain() { look() } }
    }

    /// The guest is ready, and its clock was set a moment ago.
    func follow() {
        isFollowing = true
        containersChanged()
    }

    /// While there are none nobody reads the guest's clock, and slews are not looked for.
    func containersChanged() {
        guard isFollowing else { return }
        guard !containers.isEmpty else {
            lastLook = nil
            return timer.arm(inMilliseconds: 0)
        }
        if lastLook == nil { look() }
    }

    /// Whether the host's clock was slewed, and how soon to look again.
    func look() {
        let time = now()
        let slewed = lastLook.map { Self.slew(from: $0, to: time) } ?? 0
        let elapsed = max(lastLook.map { time.raw &- $0.raw } ?? 0, 1)
        lastLook = time
        let isHard = slewed > Self.hardSlew / 1000 * (elapsed / 1_000_000)
        timer.arm(inMilliseconds: isHard ? Self.shortInterval : Self.interval)
        guard let comparedAt, Self.slew(from: comparedAt, to: time) < Self.tolerance,
            time.raw &- comparedAt.raw < Self.maxAge
        else { return compare() }
    }

    private static func slew(from one: Time, to other: Time) -> UInt64 { (other.distance &- one.distance).magnitude }

    // MARK: Comparing

    func compare() {
        guard exchanges == nil else { return }
        exchanges = []
        ask()
    }

    private func ask() {
        let asked = now()
        agent.request(ReadClock()) { [unowned self] result in
            guard case .success(let reading) = result else { return exchanges = nil }
            let answered = now()
            note(reading, asked, answered)
        }
    }

    private func note(_ reading: ClockReading, _ asked: Time, _ answered: Time) {
        let duration = answered.raw &- asked.raw
        // Set, or slewed hard, in between: it says nothing.
        if Self.slew(from: asked, to: answered) < Self.tolerance {
            let middle = asked.wall &+ duration / 2
            exchanges?.append(
                Exchange(difference: Int64(bitPattern: middle &- reading.wallClock), duration: duration))
        } else {
            exchanges?.append(Exchange(difference: 0, duration: .max))
        }
        guard duration > Self.quickExchange, exchanges?.count ?? 0 < Self.maxExchanges else {
            return conclude(answered)
        }
        ask()
    }

    private func conclude(_ time: Time) {
        let best = exchanges?.min { $0.duration < $1.duration }
        exchanges = nil
        defer { noteConclusion() }
        // Where nothing is known, the next look asks again.
        guard let best, best.duration != .max else { return comparedAt = nil }
        let unknown = best.duration / 2
        // As right as can be known, now or when it is moved; by slow exchanges that is not well enough.
        comparedAt = unknown <= Self.quickExchange ? time : nil
        guard best.difference.magnitude > max(unknown, Self.tolerance / 4) else { return }
        agent.request(AdjustClock(nanoseconds: best.difference)) { [unowned self] result in
            if case .failure = result { comparedAt = nil }
        }
    }

    /// The next look is soon where the guest's clock is still unknown, but not for ever.
    private func noteConclusion() {
        inconclusive = comparedAt == nil ? inconclusive + 1 : 0
        guard (1...Self.maxInconclusive).contains(inconclusive), !containers.isEmpty else { return }
        timer.arm(inMilliseconds: Self.shortInterval)
    }
}
