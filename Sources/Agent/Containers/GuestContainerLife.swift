/// What a container is going through. Its state changes by these functions only.
///
/// ```
/// creating → created → running ⇄ paused (by way of freezing)
/// any of these → ending → removed
///                ending → stuck → ending
/// ```
struct GuestContainerLife {
    enum State {
        /// Its zone is awaited, or its first process is setting itself up.
        case creating
        /// Set up; its program waits for `StartContainer`.
        case created
        /// Its first process has executed its program, or is the agent's own pause.
        case running
        /// The kernel was asked to freeze it, and has not frozen all of it yet.
        case freezing(Freeze)
        case paused
        /// All of it is being killed and removed.
        case ending(ContainerEnd)
        /// Its end was given up in time: processes that do not die. Its deletion may be tried again.
        case stuck
        /// Nothing is left of it.
        case removed
    }

    /// A `PauseContainer` that is answered when all is frozen.
    struct Freeze {
        let caller: Caller
        let deadline: PollLoop.Deadline
        var timer = StepTimer()
    }

    private(set) var state = State.creating

    /// Its end, while that is under way.
    var end: ContainerEnd? { if case .ending(let end) = state { end } else { nil } }

    /// Whether its end has not begun, or was given up.
    var isAlive: Bool {
        switch state {
        case .creating, .created, .running, .freezing, .paused, .stuck: true
        case .ending, .removed: false
        }
    }

    /// Whether it runs a program that may be frozen.
    var mayFreeze: Bool {
        switch state {
        case .running, .paused: true
        case .creating, .created, .freezing, .ending, .stuck, .removed: false
        }
    }

    /// The first process is set up and waits.
    mutating func becomeCreated() { if case .creating = state { state = .created } }

    /// The first process executes its program.
    mutating func run() {
        switch state {
        case .creating, .created: state = .running
        case .running, .freezing, .paused, .ending, .stuck, .removed: break
        }
    }

    mutating func freeze(_ freeze: Freeze) { if mayFreeze { state = .freezing(freeze) } }

    /// All of it stands still: what asked for that.
    mutating func becomePaused() -> Freeze? {
        guard case .freezing(let freeze) = state else { return nil }
        state = .paused
        return freeze
    }

    /// It is thawed: what asked for it to be frozen, and was not answered.
    mutating func resume() -> Freeze? {
        switch state {
        case .freezing(let freeze):
            state = .running
            return freeze
        case .paused: state = .running
        case .creating, .created, .running, .ending, .stuck, .removed: break
        }
        return nil
    }

    /// Its end begins: what asked for it to be frozen, and was not answered.
    mutating func begin(_ end: ContainerEnd) -> Freeze? {
        guard isAlive else { return nil }
        let before = state
        state = .ending(end)
        if case .freezing(let freeze) = before { return freeze }
        return nil
    }

    mutating func giveUpEnd() { if case .ending = state { state = .stuck } }
    mutating func remove() { state = .removed }
}

/// The end of a container, under way: begun by the end of its first process, or by the host's request to delete it.
final class ContainerEnd {
    enum Stage {
        /// Killed; not all of it is reaped.
        case reaping
        /// What it has written is still being carried to the host.
        case draining
        /// Its zone is looked at and taken offline.
        case emptying
        /// The answer for the host.
        case done(Result<ZoneOffline?, Failure>)
    }

    var stage = Stage.reaping
    /// The host's request, once it is here.
    var caller: Caller?
    /// Whether its zone goes offline. A container that ended by itself leaves it for good.
    let offlineZone: Bool
    /// Monotonic time by which it is to be done, in nanoseconds.
    let time: UInt64
    var timer = StepTimer()
    var deadline: PollLoop.Deadline?

    /// - Parameter timeout: in milliseconds.
    init(offlineZone: Bool, timeout: UInt32) {
        self.offlineZone = offlineZone
        time = Kernel.monotonicTime + UInt64(timeout) * 1_000_000
    }

    /// Whether its processes and streams are gone: nothing more can be cut short.
    var isEmptied: Bool {
        switch stage {
        case .reaping, .draining: false
        case .emptying, .done: true
        }
    }

    /// What is left of its time, in milliseconds; at least 1.
    var timeLeft: UInt32 {
        let now = Kernel.monotonicTime
        return time > now ? max(UInt32(truncatingIfNeeded: (time - now) / 1_000_000), 1) : 1
    }
}
