import Glibc

/// The kernel ends the process when it has used its time.
func limitTime() {
    var limit = rlimit(rlim_cur: rlim_t(maxCPUSeconds), rlim_max: rlim_t(maxCPUSeconds))
    // SAFETY: the call borrows a local variable.
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &limit)
}
