import Glibc

/// The processor time that this process has had.
enum ProcessTime {
    static var nanoseconds: UInt64 {
        var time = timespec()
        // SAFETY: the call fills the local variable.
        unsafe clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &time)
        return UInt64(time.tv_sec) * 1_000_000_000 + UInt64(time.tv_nsec)
    }
}
