extension RuntimeSpec.Seccomp {
    /// The system calls that a container with the default capabilities is kept from: those that Docker's default profile
    /// keeps from it, written as a list of denials. The guest's kernel is czone's own and pinned, so no system call can
    /// appear that this list does not know; and a short filter costs less at each start and at each call.
    public static let `default` = RuntimeSpec.Seccomp(
        defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64"],
        syscalls: [
            deny(administration),
            deny(namespaces),
            deny(mounts),
            deny(kernelSurface),
            deny(placement),
            // vsock knows no namespaces: it leads to the host and to the agent.
            RuntimeSpec.SyscallRule(
                names: ["socket"], action: "SCMP_ACT_ERRNO", errnoRet: notPermitted,
                args: [RuntimeSpec.SyscallArgument(index: 0, value: addressFamilyVsock, op: "SCMP_CMP_EQ")]),
            // Its flags lie in memory, where a filter cannot see them; without it, C libraries use clone.
            RuntimeSpec.SyscallRule(names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: notImplemented),
        ] + namespaceFlags.map(denyClone))

    private static let notPermitted: UInt32 = 1
    private static let notImplemented: UInt32 = 38
    private static let addressFamilyVsock: UInt64 = 40

    private static let administration = [
        "acct", "clock_adjtime", "clock_settime", "adjtimex", "settimeofday", "reboot", "swapon", "swapoff", "quotactl",
        "quotactl_fd", "syslog", "vhangup", "iopl", "ioperm", "sysfs", "ustat", "_sysctl", "kexec_load",
        "kexec_file_load",
        "create_module", "init_module", "finit_module", "delete_module", "get_kernel_syms", "query_module",
        "nfsservctl", "uselib",
        "lookup_dcookie", "fanotify_init",
    ]

    private static let namespaces = ["setns", "unshare", "pivot_root"]

    private static let mounts = [
        "mount", "umount2", "mount_setattr", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount", "fspick",
        "open_by_handle_at",
    ]

    /// Large parts of the kernel that containers do without: key rings, BPF, performance counters, page faults and I/O
    /// rings in user space, other processes' memory.
    private static let kernelSurface = [
        "add_key", "keyctl", "request_key", "bpf", "perf_event_open", "userfaultfd", "io_uring_setup", "io_uring_enter",
        "io_uring_register", "kcmp", "pidfd_getfd", "process_madvise", "process_vm_readv", "process_vm_writev",
    ]

    /// Where memory lies is the zone's business.
    private static let placement = ["mbind", "set_mempolicy", "set_mempolicy_home_node", "migrate_pages", "move_pages"]

    /// CLONE_NEWNS, NEWCGROUP, NEWUTS, NEWIPC, NEWUSER, NEWPID, NEWNET (clone(2)).
    private static let namespaceFlags: [UInt64] = [
        0x0002_0000, 0x0200_0000, 0x0400_0000, 0x0800_0000, 0x1000_0000, 0x2000_0000, 0x4000_0000,
    ]

    private static func deny(_ names: [String]) -> RuntimeSpec.SyscallRule {
        RuntimeSpec.SyscallRule(names: names, action: "SCMP_ACT_ERRNO", errnoRet: notPermitted)
    }

    private static func denyClone(_ flag: UInt64) -> RuntimeSpec.SyscallRule {
        let isSet = RuntimeSpec.SyscallArgument(index: 0, value: flag, valueTwo: flag, op: "SCMP_CMP_MASKED_EQ")
        return RuntimeSpec.SyscallRule(
            names: ["clone"], action: "SCMP_ACT_ERRNO", errnoRet: notPermitted, args: [isSet])
    }
}
