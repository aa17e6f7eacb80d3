import Glibc
import SystemPackage

/// A point that threads wait at until all of them are there (pthread_barrier_wait(3)). Once.
@safe
public final class Barrier: @unchecked Sendable {
    /// Never freed: the last threads may still be leaving it.
    private let barrier: UnsafeMutablePointer<pthread_barrier_t>

    /// - Parameter count: how many threads come to it, 1 or more.
    public init(for count: Int) throws(SystemError) {
        unsafe barrier = .allocate(capacity: 1)
        // SAFETY: the memory is this object's own, and has room for one barrier.
        let result = unsafe pthread_barrier_init(barrier, nil, UInt32(clamping: count))
        guard result == 0 else { throw SystemError("make a barrier for \(count) threads", Errno(rawValue: result)) }
    }

    /// Waits for the others, who come at once or never: the process ends where one of them cannot.
    public func wait() {
        // SAFETY: initialized above, and never destroyed.
        unsafe _ = pthread_barrier_wait(barrier)
    }
}
