import LinuxSystem

/// Bounds waits, by a timer of the event loop.
///
/// Time is counted in steps, and a step counts at most a second however long it took: a VM that is stopped and continued,
/// or that its host starves, does not find all its deadlines passed at once, before its guest had a chance. While nothing
/// is waited for, there are no steps. Protected by the device lock.
final class Deadlines {
    /// One wait.
    struct Token: Hashable { fileprivate let number: UInt64 }

    private static let stepInMilliseconds: UInt64 = 500
    private static let maxStepInMilliseconds: UInt64 = 1000

    /// How much time has been counted, in milliseconds.
    private var now: UInt64 = 0
    private var waits: [Token: (end: UInt64, action: () -> Void)] = [:]
    private var nextNumber: UInt64 = 0
    private let timer: TimerDescriptor
    /// When the timer was armed, monotonic, in nanoseconds; nil while it is not.
    private var armedAt: UInt64?

    init(on loop: EventLoop) throws(SystemError) {
        timer = try TimerDescriptor()
        try loop.add(timer.descriptor, for: .readable) { [unowned self] _ in
            guard timer.drain(), let armedAt else { return }
            self.armedAt = nil
            let elapsed = (MonotonicClock.nanoseconds - armedAt) / 1_000_000
            advance(byMilliseconds: min(elapsed, Self.maxStepInMilliseconds))
            arm()
        }
    }

    /// Calls `action` once, when so much time has been counted, unless it is cancelled before.
    @discardableResult
    func after(seconds: UInt64, action: @escaping () -> Void) -> Token {
        let token = Token(number: nextNumber)
        nextNumber += 1
        waits[token] = (now + seconds * 1000, action)
        arm()
        return token
    }

    func cancel(_ token: Token) { waits[token] = nil }

    /// Counts time. By the timer, and by tests.
    func advance(byMilliseconds milliseconds: UInt64) {
        now += milliseconds
        let due = waits.filter { $0.value.end <= now }.sorted {
            ($0.value.end, $0.key.number) < ($1.value.end, $1.key.number)
        }
        // One of them may cancel another.
        for (token, wait) in due where waits.removeValue(forKey: token) != nil { wait.action() }
    }

    private func arm() {
        guard armedAt == nil, !waits.isEmpty else { return }
        armedAt = MonotonicClock.nanoseconds
        timer.arm(inMilliseconds: Self.stepInMilliseconds)
    }
}
