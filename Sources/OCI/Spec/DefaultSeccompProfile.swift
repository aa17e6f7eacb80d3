/// What containers may call where nothing else is said.
public enum DefaultSeccompProfile {
    /// The system calls that a container is kept from: those that Docker's default profile keeps from one with these
    /// capabilities, written as a list of denials. The guest's kernel is czone's own and pinned, so no system call can
    /// appear that this list does not know; and a short filter costs less at each start and at each call.
    public static func seccomp(for capabilities: [String] = RuntimeSpec.defaultCapabilities) -> RuntimeSpec.Seccomp {
        let isAdministrator = capabilities.contains("CAP_SYS_ADMIN")
        var rules = [
            deny(administration),
            deny(kernelSurface),
            deny(placement),
            // vsock knows no namespaces: it leads to the host and to the agent. Programs of i386 can ask for it by
            // socketcall(2), whose arguments no filter sees: the guest's kernel refuses it (Kernel/patches/0020).
            RuntimeSpec.SyscallRule(
                names: ["socket"], action: "SCMP_ACT_ERRNO", errnoRet: notPermitted,
                args: [RuntimeSpec.SyscallArgument(index: 0, value: addressFamilyVsock, op: "SCMP_CMP_EQ")]),
        ]
        if !isAdministrator {
            rules += [deny(namespaces), deny(mounts)]
            // Its flags lie in memory, where a filter cannot see them; without it, C libraries use clone.
            rules.append(
                RuntimeSpec.SyscallRule(names: ["clone3"], action: "SCMP_ACT_ERRNO", errnoRet: notImplemented))
            rules += namespaceFlags.map(denyClone)
        }
        for (capability, calls) in granted where !capabilities.contains(capability) { rules.append(deny(calls)) }
        return RuntimeSpec.Seccomp(
            defaultAction: "SCMP_ACT_ALLOW", architectures: ["SCMP_ARCH_X86_64", "SCMP_ARCH_X86"], syscalls: rules)
    }

    private static let notPermitted: UInt32 = 1
    private static let notImplemented: UInt32 = 38
    private static let addressFamilyVsock: UInt64 = 40

    /// What no capability lifts: it is the whole VM's, whose other containers it would touch.
    private static let administration = [
        "swapon", "swapoff", "iopl", "ioperm", "sysfs", "ustat", "_sysctl", "kexec_load", "kexec_file_load",
        "create_module", "init_module", "finit_module", "delete_module", "get_kernel_syms", "query_module",
        "nfsservctl", "uselib", "pivot_root", "quotactl", "quotactl_fd", "lookup_dcookie",
    ]

    /// What one capability each lifts.
    private static let granted = [
        (
            "CAP_SYS_TIME",
            [
                "clock_adjtime", "clock_settime", "adjtimex", "settimeofday", "stime", "clock_adjtime64",
                "clock_settime64",
            ]
        ),
        ("CAP_SYS_BOOT", ["reboot"]),
        ("CAP_SYS_PACCT", ["acct"]),
        ("CAP_SYS_TTY_CONFIG", ["vhangup"]),
        ("CAP_SYSLOG", ["syslog"]),
        ("CAP_DAC_READ_SEARCH", ["open_by_handle_at"]),
        ("CAP_SYS_ADMIN", ["fanotify_init"]),
    ]

    private static let namespaces = ["setns", "unshare"]

    private static let mounts = [
        "mount", "umount", "umount2", "mount_setattr", "move_mount", "open_tree", "fsopen", "fsconfig", "fsmount",
        "fspick",
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
