import Glibc

/// The processor time that this process has had. A process that waits for a processor has none meanwhile: limits that are
/// measured by it are the same on a busy host.
enum ProcessTime {
    static var nanoseconds: UInt64 {
        var time = timespec()
        // SAFETY: the call fills the local variable.
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
