import CLinux
import Glibc

/// What each kind of thread may do: what was seen of it over the test suites (docs/security.md), and the C library's
/// other ways to the same.
extension ThreadKind {
    /// - Parameter process: the number of the process in its own namespace: threads interrupt their own kind alone.
    func allowedCalls(process: Int32) -> [AllowedCall] {
        let common = Self.common(process)
        return switch self {
        case .event: common + Self.eventCalls
        case .savingEvent: common + Self.eventCalls + Self.savingCalls
        case .terminalEvent: common + Self.eventCalls + Self.terminalCalls
        case .processor: common + Self.processorCalls
        case .network: common + Self.networkCalls
        case .files: common + Self.filesCalls
        case .disk: common + Self.diskCalls
        case .fileServer: common + Self.fileServerCalls
        case .fabric: common + Self.fabricCalls
        case .sandbox: common + Self.sandboxCalls
        }
    }

    /// Memory, locks, and the thread's end.
    private static func common(_ process: Int32) -> [AllowedCall] {
        [
            "futex", "munmap", "madvise", "brk", "rt_sigreturn", "rt_sigprocmask", "gettid", "getpid", "getrandom",
            "sched_yield", "restart_syscall", "exit", "exit_group", "write", "read", "close",
        ].map { AllowedCall($0) } + [
            // Where the clock is not one that the vDSO reads.
            AllowedCall("clock_gettime"),
            AllowedCall("mmap", .withoutExecution(argument: 2)),
            AllowedCall("mprotect", .withoutExecution(argument: 2)),
            AllowedCall("tgkill", .equal(argument: 0, UInt64(process))),
        ]
    }

    private static let interrupt = AllowedCall("ioctl", .equal(argument: 1, CLINUX_KVM_IRQ_LINE))
    private static let run = AllowedCall("ioctl", .equal(argument: 1, CLINUX_KVM_RUN))

    private static let processorCalls: [AllowedCall] = [
        run, interrupt, AllowedCall("ioctl", .equal(argument: 1, CLINUX_KVM_GET_REGS)),
        AllowedCall("epoll_ctl"), AllowedCall("shutdown"), AllowedCall("timerfd_settime"), AllowedCall("writev"),
        // A client's connection, where the guest's agent is lost on the way.
        AllowedCall("sendmsg"),
    ]

    private static let eventCalls: [AllowedCall] =
        [
            "epoll_wait", "epoll_ctl", "readv", "writev", "recvmsg", "sendmsg", "accept4", "shutdown", "pread64",
            "timerfd_settime", "poll", "ppoll", "newfstatat", "fstat", "eventfd2", "lseek",
        ].map { AllowedCall($0) } + [
            interrupt,
            // An image comes to the guest.
            AllowedCall("ioctl", .equal(argument: 1, CLINUX_KVM_SET_USER_MEMORY_REGION)),
            AllowedCall("fcntl", .equal(argument: 1, UInt64(F_GETFL))),
            AllowedCall("fcntl", .equal(argument: 1, UInt64(F_SETFL))),
            AllowedCall("fcntl", .equal(argument: 1, UInt64(F_DUPFD_CLOEXEC))),
            AllowedCall("socketpair", .equal(argument: 0, UInt64(AF_UNIX))),
        ]

    private static let savingCalls: [AllowedCall] =
        ["pwrite64", "ftruncate", "fsync"].map { AllowedCall($0) }
        + [
            CLINUX_KVM_RUN, CLINUX_KVM_GET_REGS, CLINUX_KVM_GET_SREGS, CLINUX_KVM_GET_XSAVE, CLINUX_KVM_GET_XSAVE2,
            CLINUX_KVM_GET_XCRS, CLINUX_KVM_GET_DEBUGREGS, CLINUX_KVM_GET_MSRS, CLINUX_KVM_GET_MSR_INDEX_LIST,
            CLINUX_KVM_GET_LAPIC, CLINUX_KVM_GET_VCPU_EVENTS, CLINUX_KVM_GET_MP_STATE, CLINUX_KVM_GET_IRQCHIP,
            CLINUX_KVM_GET_CLOCK, CLINUX_KVM_GET_TSC_KHZ, CLINUX_KVM_CHECK_EXTENSION,
        ].map { AllowedCall("ioctl", .equal(argument: 1, $0)) }

    private static let terminalCalls: [AllowedCall] = [
        // tcsetattr(3) with TCSADRAIN.
        AllowedCall("ioctl", .equal(argument: 1, UInt64(TCSETSW)))
    ]

    /// A frame that the guest may not send is reported as a vCPU's faults are: to the log, and to clients.
    private static let networkCalls: [AllowedCall] =
        ["epoll_wait", "epoll_ctl", "readv", "writev", "sendmsg", "shutdown", "timerfd_settime"].map { AllowedCall($0) }
        + [interrupt]

    private static let filesCalls: [AllowedCall] =
        ["epoll_ctl", "recvmsg", "sendmsg", "shutdown", "fcntl", "poll", "ppoll"].map { AllowedCall($0) } + [interrupt]

    private static let diskCalls: [AllowedCall] =
        ["pwrite64", "fallocate", "ftruncate", "lseek"].map { AllowedCall($0) }

    /// Connections that are accepted, waiting, and wasmtime's memory: its signals' handlers are there before.
    private static let sandboxCalls: [AllowedCall] =
        [
            "epoll_wait", "epoll_ctl", "accept4", "sendmsg", "recvmsg", "shutdown", "poll", "ppoll", "mremap",
            "sigaltstack",
        ].map { AllowedCall($0) } + [
            AllowedCall("fcntl", .equal(argument: 1, UInt64(F_GETFL))),
            AllowedCall("fcntl", .equal(argument: 1, UInt64(F_SETFL))),
        ]

    /// PR_SET_NAME of prctl(2), which Swift does not import.
    private static let setThreadName: UInt64 = 15

    /// Connections to the outside, names' resolution with the files that it reads, and threads.
    private static let fabricCalls: [AllowedCall] =
        [
            "epoll_create", "epoll_create1", "epoll_wait", "epoll_pwait", "epoll_ctl", "eventfd2", "timerfd_create",
            "timerfd_settime",
            "connect", "bind", "getsockname", "getpeername", "getsockopt", "setsockopt", "sendto", "sendmsg",
            "sendmmsg", "recvfrom", "recvmsg", "accept4", "shutdown", "readv", "writev", "poll", "ppoll", "openat",
            "newfstatat", "fstat", "lseek", "pread64", "uname", "sysinfo", "clone", "clone3", "set_robust_list", "rseq",
            "sched_getaffinity", "rt_sigaction", "sigaltstack", "mremap", "getuid", "geteuid", "fcntl",
        ].map { AllowedCall($0) } + [
            AllowedCall("socket", .equal(argument: 0, UInt64(AF_INET))),
            AllowedCall("socket", .equal(argument: 0, UInt64(AF_INET6))),
            AllowedCall("socket", .equal(argument: 0, UInt64(AF_NETLINK))),
            // A resolver may ask the host's name service cache.
            AllowedCall("socket", .equal(argument: 0, UInt64(AF_UNIX))),
            AllowedCall("socketpair", .equal(argument: 0, UInt64(AF_UNIX))),
            AllowedCall("ioctl", .equal(argument: 1, UInt64(FIONREAD))),
            AllowedCall("prctl", .equal(argument: 0, setThreadName)),
        ]

    private static let fileServerCalls: [AllowedCall] =
        [
            "recvmsg", "sendmsg", "openat2", "newfstatat", "fstat", "fstatfs", "fchmodat", "fchownat", "utimensat",
            "ftruncate", "readlinkat", "symlinkat", "mkdirat", "unlinkat", "renameat2", "renameat", "linkat",
            "pread64", "pwrite64", "fsync", "fdatasync", "lseek", "fallocate", "getdents64", "fgetxattr",
            "flistxattr", "fsetxattr", "fremovexattr", "setfsuid", "setfsgid", "geteuid", "getegid",
            // The mask of what is made, which the guest leaves to the host (access control lists go before it).
            "umask",
            // Locks of whole files; when a file was made; copies that the host's file system may make by sharing blocks.
            "flock", "statx", "copy_file_range",
        ].map { AllowedCall($0) } + [
            // Locks of ranges that belong to an open file; none that waits (F_OFD_SETLKW).
            AllowedCall("fcntl", .equal(argument: 1, UInt64(CLINUX_OPEN_FILE_GET_LOCK))),
            AllowedCall("fcntl", .equal(argument: 1, UInt64(CLINUX_OPEN_FILE_SET_LOCK))),
            // Flags of files, as chattr(1) has them.
            AllowedCall("ioctl", .equal(argument: 1, CLINUX_FS_IOC_GETFLAGS)),
            AllowedCall("ioctl", .equal(argument: 1, CLINUX_FS_IOC_SETFLAGS)),
            AllowedCall("ioctl", .equal(argument: 1, CLINUX_FS_IOC_FSGETXATTR)),
            // Below a descriptor: a path from the working directory has the lower half all ones.
            AllowedCall("openat", .bits(argument: 0, mask: 0x8000_0000, value: 0)),
            AllowedCall("mknodat", .bits(argument: 2, mask: UInt64(S_IFMT), value: UInt64(S_IFIFO))),
            AllowedCall("mknodat", .bits(argument: 2, mask: UInt64(S_IFMT), value: UInt64(S_IFSOCK))),
            AllowedCall("mknodat", .bits(argument: 2, mask: UInt64(S_IFMT), value: UInt64(S_IFREG))),
            // A whiteout: no device.
            AllowedCall(
                "mknodat", .bits(argument: 2, mask: UInt64(S_IFMT), value: UInt64(S_IFCHR)),
                .equal(argument: 3, 0)),
        ]
}

extension AllowedCall.Condition {
    /// Of mmap(2) and mprotect(2): memory that is not to be executed.
    static func withoutExecution(argument: UInt32) -> Self {
        .bits(argument: argument, mask: UInt64(PROT_EXEC), value: 0)
    }
}
