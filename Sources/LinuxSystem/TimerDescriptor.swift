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

/// Time that never goes back.
public enum MonotonicClock {
    public static var nanoseconds: UInt64 { clinux_monotonic_nanoseconds() }
}

/// The time of day.
public enum WallClock {
    /// Nanoseconds since 1970 UTC.
    public static var nanoseconds: UInt64 { clinux_wall_nanoseconds() }
}
