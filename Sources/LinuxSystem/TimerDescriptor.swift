import CLinux

/// A timer that wakes its waiters (timerfd_create(2), monotonic clock).
public final class TimerDescriptor: Sendable {
    public let descriptor: OwnedDescriptor

    public init() throws(SystemError) {
        descriptor = OwnedDescriptor(taking: try checked(clinux_timer(), "make a timer"))
    }

    /// Expires once, so many milliseconds from now; 0 disarms it.
    public func arm(inMilliseconds milliseconds: UInt64) { _ = clinux_arm_timer(descriptor.rawValue, milliseconds) }

    /// Takes the expiry; whether there was one.
    @discardableResult
    public func drain() -> Bool { clinux_drain_timer(descriptor.rawValue) > 0 }
}

/// Wakes its waiters when the wall clock was set, or the host resumes after it was suspended; not when it is slewed.
public final class ClockStepDescriptor: Sendable {
    public let descriptor: OwnedDescriptor

    public init() throws(SystemError) {
        descriptor = OwnedDescriptor(taking: try checked(clinux_step_timer(), "make a timer of the wall clock"))
        try checked(clinux_arm_step_timer(descriptor.rawValue), "wait for the wall clock's being set")
    }

    /// Takes what has come, and waits for the next.
    public func drain() {
        _ = clinux_drain_timer(descriptor.rawValue)
        _ = clinux_arm_step_timer(descriptor.rawValue)
    }
}

/// Time that never goes back.
public enum MonotonicClock {
    public static var nanoseconds: UInt64 { clinux_monotonic_nanoseconds() }
    /// By the processor alone: nobody slews it.
    public static var rawNanoseconds: UInt64 { clinux_raw_nanoseconds() }
}

/// The time of day.
public enum WallClock {
    /// Nanoseconds since 1970 UTC.
    public static var nanoseconds: UInt64 { clinux_wall_nanoseconds() }
}
