import CLinux
import Glibc

/// The clock that file times are taken from, in nanoseconds since 1970.
func currentTimeInNanoseconds() -> Int64 {
    var now = timespec()
    // SAFETY: clock_gettime(2) fills a local of its own type.
    unsafe clock_gettime(CLOCK_REALTIME, &now)
    return Int64(now.tv_sec) * 1_000_000_000 + Int64(now.tv_nsec)
}
