extension RuntimeSpec {
    /// What a container of an image is run with when nobody says otherwise: what Docker and containerd give theirs.
    ///
    /// - `config`: the image's configuration.
    /// - `accounts`: the image's users and groups, for the configuration's user.
    /// - `arguments`: replace the image's `Cmd`; its entry point stays.
    /// - `environment`: `NAME=value`, added to the image's and overriding it; `NAME` alone takes it away.
    /// - `hostname`: the container's, which is in its environment too.
    /// - `workingDirectory`: replaces the image's.
    /// - `user`: replaces the image's.
    /// - `terminal`: whether the process gets a terminal.
    /// - Throws: `OCIError.unknownAccount` for a user or group that the image lacks, `.unsupported` when there is
    ///   nothing to run or the working directory is not absolute.
    public static func `default`(
        for config: ImageConfig, accounts: Accounts, arguments: [String] = [], environment: [String] = [],
        workingDirectory: String? = nil, user: String? = nil, terminal: Bool = false, hostname: String? = nil
    ) throws(OCIError) -> RuntimeSpec {
        let commandLine = config.commandLine(arguments: arguments)
        guard commandLine.first?.isEmpty == false else {
            throw .unsupported(
                what: "a container without a command", value: "",
                expected: "the image's Cmd or Entrypoint, or a command")
        }
        let directory = workingDirectory ?? config.workingDir.flatMap { $0.isEmpty ? nil : $0 } ?? "/"
        guard directory.hasPrefix("/") else {
            throw .unsupported(what: "the working directory", value: directory, expected: "an absolute path")
        }
        let identity = try accounts.identity(of: user ?? config.user ?? "")
        var spec = RuntimeSpec()
        var process = Process(
            user: User(uid: identity.uid, gid: identity.gid, additionalGids: identity.supplementaryGids),
            args: commandLine,
            env: Self.environment(config.env ?? [], with: environment, hostname: hostname, terminal: terminal),
            cwd: directory)
        process.terminal = terminal
        // A process that is not root keeps the bounding set only, as execve(2) would leave it.
        let held = identity.uid == 0 ? defaultCapabilities : []
        process.capabilities = Capabilities(
            bounding: defaultCapabilities, effective: held, inheritable: [], permitted: held, ambient: [])
        process.rlimits = [ResourceLimit(type: "RLIMIT_NOFILE", hard: 524_288, soft: 1024)]
        spec.process = process
        spec.root = Root(path: "rootfs")
        spec.hostname = hostname
        spec.mounts = defaultMounts
        spec.linux = defaultLinux
        return spec
    }

    /// The capabilities of a container's root that Docker and containerd leave it.
    public static let defaultCapabilities = [
        "CAP_CHOWN", "CAP_DAC_OVERRIDE", "CAP_FSETID", "CAP_FOWNER", "CAP_MKNOD", "CAP_NET_RAW", "CAP_SETGID",
        "CAP_SETUID",
        "CAP_SETFCAP", "CAP_SETPCAP", "CAP_NET_BIND_SERVICE", "CAP_SYS_CHROOT", "CAP_KILL", "CAP_AUDIT_WRITE",
    ]

    static let defaultMounts = [
        Mount(destination: "/proc", type: "proc", source: "proc", options: ["nosuid", "noexec", "nodev"]),
        Mount(
            destination: "/dev", type: "tmpfs", source: "tmpfs",
            options: ["nosuid", "strictatime", "mode=755", "size=65536k"]),
        Mount(
            destination: "/dev/pts", type: "devpts", source: "devpts",
            options: ["nosuid", "noexec", "newinstance", "ptmxmode=0666", "mode=0620", "gid=5"]),
        Mount(
            destination: "/dev/shm", type: "tmpfs", source: "shm",
            options: ["nosuid", "noexec", "nodev", "mode=1777", "size=65536k"]),
        Mount(destination: "/dev/mqueue", type: "mqueue", source: "mqueue", options: ["nosuid", "noexec", "nodev"]),
        Mount(destination: "/sys", type: "sysfs", source: "sysfs", options: ["nosuid", "noexec", "nodev", "ro"]),
        Mount(
            destination: "/sys/fs/cgroup", type: "cgroup", source: "cgroup",
            options: ["nosuid", "noexec", "nodev", "relatime", "ro"]),
    ]

    /// What of /proc and /sys shows or changes more than the container's own.
    static let defaultMaskedPaths = [
        "/proc/acpi", "/proc/asound", "/proc/interrupts", "/proc/kcore", "/proc/keys", "/proc/latency_stats",
        "/proc/timer_list",
        "/proc/timer_stats", "/proc/sched_debug", "/proc/scsi", "/sys/firmware", "/sys/devices/virtual/powercap",
    ]
    static let defaultReadonlyPaths = ["/proc/bus", "/proc/fs", "/proc/irq", "/proc/sys", "/proc/sysrq-trigger"]

    private static var defaultLinux: Linux {
        var linux = Linux()
        linux.namespaces = ["pid", "ipc", "uts", "mount", "network", "cgroup"].map { Namespace(type: $0) }
        var resources = Resources()
        resources.devices = defaultDeviceRules
        linux.resources = resources
        linux.maskedPaths = defaultMaskedPaths
        linux.readonlyPaths = defaultReadonlyPaths
        linux.seccomp = DefaultSeccompProfile.seccomp()
        return linux
    }

    /// Everything may be made, but only these opened (numbers: the kernel's devices.txt).
    private static let defaultDeviceRules: [DeviceRule] =
        [
            DeviceRule(allow: false, access: "rwm"),
            DeviceRule(allow: true, type: "c", access: "m"),
            DeviceRule(allow: true, type: "b", access: "m"),
        ]
        // null, zero, full, random, urandom, tty, console, ptmx
        + [(1, 3), (1, 5), (1, 7), (1, 8), (1, 9), (5, 0), (5, 1), (5, 2)].map { major, minor in
            DeviceRule(allow: true, type: "c", major: major, minor: minor, access: "rwm")
        } + [DeviceRule(allow: true, type: "c", major: 136, access: "rwm")]

    /// The image's environment with the caller's over it, below both what docker sets: PATH, HOSTNAME, and TERM for a
    /// terminal. HOME is the guest's to set, by the accounts of the container, where nothing says it.
    private static func environment(
        _ base: [String], with overriding: [String], hostname: String?, terminal: Bool
    ) -> [String] {
        let usual =
            ["PATH=\(ImageConfig.defaultPath)"] + (hostname.map { ["HOSTNAME=\($0)"] } ?? [])
            + (terminal ? ["TERM=xterm"] : [])
        return merge(usual + base, with: overriding)
    }

    /// Variables with others over them: of those with one name, the last one's value in the first one's place. A name alone
    /// takes its variable away.
    public static func merge(_ variables: [String], with overriding: [String]) -> [String] {
        var merged: [String?] = []
        // By their bytes: texts are equal for Swift where they look alike.
        var positions: [[UInt8]: Int] = [:]
        for variable in variables + overriding {
            let name = Array(variable.utf8.prefix { $0 != UInt8(ascii: "=") })
            let value = name.count == variable.utf8.count ? nil : variable
            if let position = positions[name] {
                merged[position] = value
            } else {
                positions[name] = merged.count
                merged.append(value)
            }
        }
        return merged.compactMap { $0 }
    }
}
