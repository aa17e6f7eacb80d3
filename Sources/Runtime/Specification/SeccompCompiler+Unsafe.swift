public import AgentProtocol
import CSeccomp
import Glibc
import LinuxSystem
public import OCI
import SystemPackage

/// Compiles seccomp profiles (runtime-spec config-linux.md, "Seccomp") with libseccomp.
public struct SeccompCompiler: Sendable {
    private let filters: CompiledFilters?

    /// - Parameter filters: where compiled ones are kept; nil: nowhere.
    public init(keeping filters: CompiledFilters? = nil) { self.filters = filters }

    /// Of libseccomp, "2.5.4".
    static var libraryVersion: String {
        // SAFETY: libseccomp's own constant.
        guard let version = unsafe seccomp_version()?.pointee else { return "" }
        return "\(version.major).\(version.minor).\(version.micro)"
    }

    /// The filter that the kernel takes.
    public func filter(for profile: RuntimeSpec.Seccomp) throws(SpecificationError) -> SeccompFilter {
        guard let filters else { return try compile(profile) }
        return try filters.filter(for: profile) { () throws(SpecificationError) in try compile(profile) }
    }

    private func compile(_ profile: RuntimeSpec.Seccomp) throws(SpecificationError) -> SeccompFilter {
        try SpecificationError.refuse(
            profile.listenerPath?.isEmpty == false, "linux.seccomp.listenerPath", profile.listenerPath ?? "",
            "nobody in the guest would listen")
        let defaultAction = try action(profile.defaultAction, profile.defaultErrnoRet, "linux.seccomp.defaultAction")
        // SAFETY: the context is made here, and released only after the filter was read out of it.
        guard let context = unsafe seccomp_init(defaultAction) else { throw failure("begin", ENOMEM) }
        defer { unsafe seccomp_release(context) }
        let filter = unsafe Filter(context: context, defaultAction: defaultAction)
        // A tree by number instead of a chain of comparisons: the kernel runs it for every call's number when a process is
        // given it, and at each call of which it looks at the arguments.
        // SAFETY: as above.
        guard unsafe seccomp_attr_set(context, SCMP_FLTATR_CTL_OPTIMIZE, 2) == 0 else { throw failure("sort", EINVAL) }
        try add(profile.architectures ?? [], to: filter)
        for rule in profile.syscalls ?? [] { try add(rule, to: filter) }
        return SeccompFilter(flags: try flags(profile.flags ?? []), program: try program(of: filter))
    }

    /// libseccomp's filter; alive while `filter(for:)` runs.
    @safe
    private struct Filter {
        let context: scmp_filter_ctx
        let defaultAction: UInt32
    }

    private func add(_ architectures: [String], to filter: Filter) throws(SpecificationError) {
        // The native one is there from the start. Others than these cannot run here.
        let tokens: [String: UInt32] = ["SCMP_ARCH_X86": UInt32(SCMP_ARCH_X86), "SCMP_ARCH_X32": 0x4000_003E]
        for name in architectures {
            guard name.hasPrefix("SCMP_ARCH_") else {
                throw .invalid(
                    setting: "linux.seccomp.architectures", value: name, expected: "a name such as SCMP_ARCH_X86_64")
            }
            guard let token = tokens[name] else { continue }
            // SAFETY: the context lives while the filter is made.
            let result = unsafe seccomp_arch_add(filter.context, token)
            guard result == 0 || result == -EEXIST else { throw failure("add \(name)", -result) }
        }
    }

    private func add(_ rule: RuntimeSpec.SyscallRule, to filter: Filter) throws(SpecificationError) {
        let action = try self.action(rule.action, rule.errnoRet, "linux.seccomp.syscalls.action")
        // libseccomp takes no rules that change nothing.
        if action == filter.defaultAction { return }
        var conditions: [scmp_arg_cmp] = []
        for argument in rule.args ?? [] { conditions.append(try condition(argument)) }
        // Several conditions on one argument are alternatives, as runc reads them; libseccomp would not take them together.
        let isAlternative = Set(conditions.map(\.arg)).count < conditions.count
        for name in rule.names {
            guard let number = try number(of: name, allowed: action == Self.allow) else { continue }
            for group in isAlternative ? conditions.map({ [$0] }) : [conditions] {
                // SAFETY: the context lives while the filter is made; the count is the array's own.
                let result = unsafe seccomp_rule_add_array(filter.context, action, number, UInt32(group.count), group)
                guard result == 0 || result == -EEXIST else { throw failure("add a rule for \(name)", -result) }
            }
        }
    }

    /// The number of a system call; nil for one that cannot happen here, or that libseccomp is too old to let through.
    private func number(of name: String, allowed: Bool) throws(SpecificationError) -> CInt? {
        // SAFETY: the name is NUL-terminated for the length of the call.
        let number = unsafe seccomp_syscall_resolve_name(name)
        if number != -1 { return number }
        // Not to allow what is not known keeps the container from more than was asked; not to forbid it would not.
        guard allowed else {
            throw .unsupported(
                setting: "linux.seccomp.syscalls", value: name, reason: "libseccomp does not know this system call")
        }
        return nil
    }

    private func condition(_ argument: RuntimeSpec.SyscallArgument) throws(SpecificationError) -> scmp_arg_cmp {
        let operators: [String: scmp_compare] = [
            "SCMP_CMP_NE": SCMP_CMP_NE, "SCMP_CMP_LT": SCMP_CMP_LT, "SCMP_CMP_LE": SCMP_CMP_LE,
            "SCMP_CMP_EQ": SCMP_CMP_EQ,
            "SCMP_CMP_GE": SCMP_CMP_GE, "SCMP_CMP_GT": SCMP_CMP_GT, "SCMP_CMP_MASKED_EQ": SCMP_CMP_MASKED_EQ,
        ]
        guard let comparison = operators[argument.op] else {
            throw .invalid(
                setting: "linux.seccomp.syscalls.args.op", value: argument.op,
                expected: "an operator such as SCMP_CMP_EQ")
        }
        guard argument.index < 6 else {
            throw .invalid(setting: "linux.seccomp.syscalls.args.index", value: "\(argument.index)", expected: "0 to 5")
        }
        return scmp_arg_cmp(
            arg: argument.index, op: comparison, datum_a: argument.value, datum_b: argument.valueTwo ?? 0)
    }

    private static let allow: UInt32 = 0x7FFF_0000

    private func action(_ name: String, _ value: UInt32?, _ setting: String) throws(SpecificationError) -> UInt32 {
        let detail = (value ?? UInt32(EPERM)) & 0xFFFF
        switch name {
        case "SCMP_ACT_ALLOW": return Self.allow
        case "SCMP_ACT_ERRNO": return 0x0005_0000 | detail
        case "SCMP_ACT_KILL", "SCMP_ACT_KILL_THREAD": return 0
        case "SCMP_ACT_KILL_PROCESS": return 0x8000_0000
        case "SCMP_ACT_TRAP": return 0x0003_0000
        case "SCMP_ACT_LOG": return 0x7FFC_0000
        case "SCMP_ACT_TRACE": return 0x7FF0_0000 | detail
        case "SCMP_ACT_NOTIFY":
            throw .unsupported(setting: setting, value: name, reason: "nobody in the guest would listen")
        default: throw .invalid(setting: setting, value: name, expected: "an action such as SCMP_ACT_ERRNO")
        }
    }

    private func flags(_ names: [String]) throws(SpecificationError) -> UInt32 {
        var flags: UInt32 = 0
        for name in names {
            switch name {
            // A process has one thread when its filter is set.
            case "SECCOMP_FILTER_FLAG_TSYNC": break
            case "SECCOMP_FILTER_FLAG_LOG": flags |= 2
            case "SECCOMP_FILTER_FLAG_SPEC_ALLOW": flags |= 4
            default: throw .unsupported(setting: "linux.seccomp.flags", value: name, reason: "czone does not know it")
            }
        }
        return flags
    }

    private func program(of filter: Filter) throws(SpecificationError) -> [UInt8] {
        let most = Limits.filterInstructions * 8
        do throws(SystemError) {
            let file = try MemoryFile.growing(name: "seccomp")
            // SAFETY: the context lives while the filter is made.
            let result = unsafe seccomp_export_bpf(filter.context, file.rawValue)
            guard result == 0 else { throw SystemError("compile", Errno(rawValue: -result)) }
            let size = Int(try file.sizeInBytes())
            guard size <= most else { throw SystemError("compile", .fileTooLarge) }
            return try file.read(exactly: size, at: 0)
        } catch {
            throw error.errno == .fileTooLarge
                ? .invalid(
                    setting: "linux.seccomp.syscalls", value: "",
                    expected: "at most \(Limits.filterInstructions) instructions")
                : failure("compile it", error.errno.rawValue)
        }
    }

    private func failure(_ action: String, _ number: CInt) -> SpecificationError {
        .invalid(
            setting: "linux.seccomp", value: "",
            expected: "a profile that libseccomp takes (cannot \(action): \(Errno(rawValue: number)))")
    }
}
