import AgentProtocol
import OCI

extension SpecificationCompiler {
    /// What of `linux` has no counterpart at all.
    func refuseUnsupported(_ linux: RuntimeSpec.Linux) throws(SpecificationError) {
        try SpecificationError.refuse(
            linux.timeOffsets?.isEmpty == false, "linux.timeOffsets", "", "there are no time namespaces")
        try SpecificationError.refuse(
            linux.mountLabel?.isEmpty == false, "linux.mountLabel", linux.mountLabel ?? "",
            "the guest's kernel has no SELinux")
        try SpecificationError.refuse(
            linux.intelRdt != nil, "linux.intelRdt", "", "a VM cannot divide the host's caches")
        let isPlain = linux.personality.map { $0.domain == "LINUX" && $0.flags?.isEmpty != false } ?? true
        try SpecificationError.refuse(!isPlain, "linux.personality", linux.personality?.domain ?? "", "only LINUX is")
        // `cgroupsPath` is a place in the host's tree; the guest has its own, and a container has one group in it.
    }

    /// A control group namespace is given to everyone: in it, a container cannot change its own limits nor its nodes,
    /// whatever it may mount.
    func namespaces(_ list: [RuntimeSpec.Namespace]) throws(SpecificationError) -> Namespaces {
        var namespaces = Namespaces(
            process: .guest, network: .guest, ipc: .guest, hostName: .guest, controlGroup: .new)
        var hasMount = false
        for namespace in list {
            let setting = "linux.namespaces \(namespace.type)"
            try SpecificationError.refuse(
                namespace.path?.isEmpty == false, "\(setting): the path", namespace.path ?? "",
                "namespaces of the host are not the guest's")
            switch namespace.type {
            case "pid": namespaces.process = .new
            case "network": namespaces.network = .new
            case "ipc": namespaces.ipc = .new
            case "uts": namespaces.hostName = .new
            // What a user namespace is comes with its mappings.
            case "cgroup", "user": break
            case "mount": hasMount = true
            case "time":
                throw .unsupported(
                    setting: "linux.namespaces", value: namespace.type, reason: "the guest's kernel has none")
            default:
                throw .invalid(
                    setting: "linux.namespaces", value: namespace.type,
                    expected: "pid, network, ipc, uts, cgroup, user or mount")
            }
        }
        guard hasMount else { throw .missing(setting: "linux.namespaces mount") }
        return namespaces
    }

    /// Every container has these, and no others (runtime-spec config-linux.md, "Default Devices").
    private static let defaultDevices: [String: (Int64, Int64)] = [
        "/dev/null": (1, 3), "/dev/zero": (1, 5), "/dev/full": (1, 7), "/dev/random": (1, 8), "/dev/urandom": (1, 9),
        "/dev/tty": (5, 0), "/dev/console": (5, 1), "/dev/ptmx": (5, 2),
    ]

    func check(deviceNodes: [RuntimeSpec.Device]) throws(SpecificationError) {
        for device in deviceNodes {
            let numbers = Self.defaultDevices[device.path]
            guard device.type == "c" || device.type == "u", let numbers,
                numbers == (device.major ?? 0, device.minor ?? 0)
            else {
                throw .unsupported(
                    setting: "linux.devices", value: device.path, reason: "a VM has none of the host's devices")
            }
        }
    }

    /// The agent allows what Docker and containerd do; rules that allow no more change nothing.
    func check(deviceRules: [RuntimeSpec.DeviceRule]) throws(SpecificationError) {
        for rule in deviceRules where rule.allow {
            let access = rule.access ?? "rwm"
            let (major, minor) = (rule.major ?? -1, rule.minor ?? -1)
            // Making a node is allowed; opening it then needs a rule of its own.
            let onlyMakes = !access.contains("r") && !access.contains("w")
            let isDefault = Self.defaultDevices.values.contains { $0 == (major, minor) }
            let isTerminal = major == 136
            // containerd allows /dev/net/tun everywhere; no guest has one.
            let isAbsent = major == 10 && minor == 200
            guard rule.type != "b" || onlyMakes, onlyMakes || rule.type == "c" && (isDefault || isTerminal || isAbsent)
            else {
                let numbers =
                    "\(rule.type ?? "a") \(major < 0 ? "*" : "\(major)"):\(minor < 0 ? "*" : "\(minor)") \(access)"
                throw .unsupported(
                    setting: "linux.resources.devices: allowing", value: numbers,
                    reason: "a VM has none of the host's devices")
            }
        }
    }

    /// Those that a namespace of the container's own holds: others would change the guest for all its containers.
    private static let ipcControls: Set = [
        "kernel.msgmax", "kernel.msgmnb", "kernel.msgmni", "kernel.sem", "kernel.shmall", "kernel.shmmax",
        "kernel.shmmni",
        "kernel.shm_rmid_forced",
    ]

    func systemControls(_ controls: [String: String], _ namespaces: Namespaces) throws(SpecificationError)
        -> [SystemControl]
    {
        var compiled: [SystemControl] = []
        for (name, value) in controls.sorted(by: { $0.key < $1.key }) {
            let isOwn =
                name.hasPrefix("net.") && namespaces.network == .new
                || (Self.ipcControls.contains(name) || name.hasPrefix("fs.mqueue.")) && namespaces.ipc == .new
                || name == "kernel.domainname" && namespaces.hostName == .new
            guard isOwn, !name.contains(".."), !name.contains("/") else {
                throw .unsupported(
                    setting: "linux.sysctl", value: name, reason: "no namespace of the container holds it")
            }
            compiled.append(SystemControl(name: name, value: value))
        }
        return compiled
    }
}
