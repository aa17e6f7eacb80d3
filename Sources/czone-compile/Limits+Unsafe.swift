import Glibc

/// Whatever else runs on the host goes before it.
func lowerPriority() { _ = setpriority(__priority_which_t(PRIO_PROCESS.rawValue), 0, 19) }

/// The kernel ends the process when it has used its time.
func limitTime() {
    var limit = rlimit(rlim_cur: rlim_t(maxCPUSeconds), rlim_max: rlim_t(maxCPUSeconds))
    // SAFETY: the call borrows a local variable.
    _ = unsafe setrlimit(__rlimit_resource_t(RLIMIT_CPU.rawValue), &limit)
}
