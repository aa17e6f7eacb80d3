public import AgentProtocol
import LinuxSystem
public import OCI

extension SpecificationCompiler {
    /// A process of a container: its first, or a further one.
    public func process(
        _ process: RuntimeSpec.Process, seccomp profile: RuntimeSpec.Seccomp?
    ) throws(SpecificationError) -> ProcessSpecification {
        try refuseUnsupported(process)
        guard let arguments = process.args, let program = arguments.first, !program.isEmpty else {
            throw .missing(setting: "process.args")
        }
        guard process.cwd.hasPrefix("/") else {
            throw .invalid(setting: "process.cwd", value: process.cwd, expected: "an absolute path")
        }
        let adjustment = process.oomScoreAdj ?? 0
        guard (-1000...1000).contains(adjustment) else {
            throw .invalid(setting: "process.oomScoreAdj", value: "\(adjustment)", expected: "-1000 to 1000")
        }
        if let umask = process.user.umask, umask > 0o777 {
            throw .invalid(setting: "process.user.umask", value: "\(umask)", expected: "0 to 511 (0777)")
        }
        return ProcessSpecification(
            arguments: Self.strings(arguments), environment: Self.strings(process.env ?? []),
            workingDirectory: Self.string(process.cwd),
            userID: process.user.uid, groupID: process.user.gid, additionalGroups: process.user.additionalGids ?? [],
            umask: process.user.umask, capabilities: try capabilities(process.capabilities),
            resourceLimits: try resourceLimits(process.rlimits ?? []),
            noNewPrivileges: process.noNewPrivileges ?? false,
            seccomp: try profile.map { profile throws(SpecificationError) in try seccomp.filter(for: profile) },
            oomScoreAdjustment: Int32(adjustment), terminal: try terminal(process))
    }

    /// The bytes that a text of the specification stands for.
    static func string(_ text: String) -> CString { CString([UInt8](unescaping: text)) }

    private static func strings(_ texts: [String]) -> CStringList { CStringList(texts.map(string)) }

    private func refuseUnsupported(_ process: RuntimeSpec.Process) throws(SpecificationError) {
        let own = "the guest's kernel has no such security module"
        try SpecificationError.refuse(
            process.apparmorProfile?.isEmpty == false, "process.apparmorProfile", process.apparmorProfile ?? "", own)
        try SpecificationError.refuse(
            process.selinuxLabel?.isEmpty == false, "process.selinuxLabel", process.selinuxLabel ?? "", own)
        try SpecificationError.refuse(
            process.commandLine?.isEmpty == false, "process.commandLine", "", "it is for Windows; use process.args")
        try SpecificationError.refuse(
            process.user.username?.isEmpty == false, "process.user.username", "",
            "it is for Windows; use process.user.uid")
        try SpecificationError.refuse(
            process.scheduler != nil, "process.scheduler", process.scheduler?.policy ?? "",
            "every process has the default policy")
        try SpecificationError.refuse(
            process.ioPriority != nil, "process.ioPriority", process.ioPriority?.class ?? "",
            "a VM has no disks to share")
        try SpecificationError.refuse(
            process.execCPUAffinity != nil, "process.execCPUAffinity", "", "the VM's vCPUs are shared")
    }

    private func capabilities(_ sets: RuntimeSpec.Capabilities?) throws(SpecificationError) -> CapabilitySets {
        guard let sets else { return .none }
        return CapabilitySets(
            bounding: try Capability.mask(sets.bounding, "process.capabilities.bounding"),
            effective: try Capability.mask(sets.effective, "process.capabilities.effective"),
            permitted: try Capability.mask(sets.permitted, "process.capabilities.permitted"),
            inheritable: try Capability.mask(sets.inheritable, "process.capabilities.inheritable"),
            ambient: try Capability.mask(sets.ambient, "process.capabilities.ambient"))
    }

    private func resourceLimits(_ limits: [RuntimeSpec.ResourceLimit]) throws(SpecificationError) -> [ResourceLimit] {
        var compiled: [ResourceLimit] = []
        for limit in limits {
            let setting = "process.rlimits"
            guard let number = ResourceLimitName.numbers[limit.type] else {
                throw .invalid(setting: setting, value: limit.type, expected: "a limit of Linux such as RLIMIT_NOFILE")
            }
            guard !compiled.contains(where: { $0.resource == number }) else {
                throw .invalid(setting: setting, value: limit.type, expected: "each limit once")
            }
            guard limit.soft <= limit.hard else {
                throw .invalid(
                    setting: "\(setting) \(limit.type)", value: "\(limit.soft)",
                    expected: "at most the hard limit \(limit.hard)")
            }
            compiled.append(ResourceLimit(resource: number, soft: limit.soft, hard: limit.hard))
        }
        return compiled
    }

    private func terminal(_ process: RuntimeSpec.Process) throws(SpecificationError) -> WindowSize? {
        guard process.terminal == true else { return nil }
        guard let size = process.consoleSize else { return windowSize ?? WindowSize(rows: 24, columns: 80) }
        guard let rows = UInt16(exactly: size.height), let columns = UInt16(exactly: size.width) else {
            throw .invalid(
                setting: "process.consoleSize", value: "\(size.width)x\(size.height)", expected: "at most 65535 each")
        }
        return WindowSize(rows: rows, columns: columns)
    }
}
