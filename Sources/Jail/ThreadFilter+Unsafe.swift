import CLinux
import CSeccomp
import Glibc
public import LinuxSystem
import SystemPackage

/// The filter of a kind of thread (seccomp(2)), compiled by libseccomp: what is not on its list ends the process.
public struct ThreadFilter: Sendable {
    public let kind: ThreadKind
    /// Classic BPF.
    private let program: [UInt8]

    /// Compiles it. `Confinement.watchFilters` comes before the first is installed.
    ///
    /// - Throws: where libseccomp is too old to know one of the calls, naming it.
    public init(_ kind: ThreadKind) throws(SystemError) {
        self.kind = kind
        // SAFETY: the context is made here, and released only after the filter was read out of it.
        guard let context = unsafe seccomp_init(Self.trap) else { throw SystemError("begin a filter", .noMemory) }
        defer { unsafe seccomp_release(context) }
        // Calls of 32-bit programs too: by default they would end the thread alone, and the others wait for it.
        // SAFETY: the context lives until the function's end.
        try checked(
            unsafe seccomp_attr_set(context, SCMP_FLTATR_ACT_BADARCH, Self.trap), "forbid other architectures' calls")
        for call in kind.allowedCalls(process: getpid()) { try unsafe Self.add(call, to: context) }
        let file = try MemoryFile.growing(name: "filter")
        // SAFETY: the context lives until the function's end.
        try checked(unsafe seccomp_export_bpf(context, file.rawValue), "compile the filter of the \(kind) threads")
        program = try file.read(exactly: Int(file.sizeInBytes()), at: 0)
    }

    /// SCMP_ACT_TRAP and SCMP_ACT_ALLOW (macros that Swift cannot import).
    private static let trap: UInt32 = 0x0003_0000
    private static let allow: UInt32 = 0x7FFF_0000

    private static func add(_ call: AllowedCall, to context: scmp_filter_ctx) throws(SystemError) {
        // SAFETY: the name is NUL-terminated for the length of the call.
        let number = unsafe seccomp_syscall_resolve_name(call.name)
        guard number >= 0 else { throw SystemError("find the system call \(call.name)", .noFunction) }
        let conditions = call.conditions.map { condition in
            switch condition {
            case .equal(let argument, let value):
                scmp_arg_cmp(arg: argument, op: SCMP_CMP_EQ, datum_a: value, datum_b: 0)
            case .bits(let argument, let mask, let value):
                scmp_arg_cmp(arg: argument, op: SCMP_CMP_MASKED_EQ, datum_a: mask, datum_b: value)
            }
        }
        // SAFETY: the caller's context lives; the count is the array's own.
        let result = unsafe seccomp_rule_add_array(context, allow, number, UInt32(conditions.count), conditions)
        try checked(result == -EEXIST ? 0 : result, "allow the system call \(call.name)")
    }

    /// Makes it the calling thread's, for good.
    public func install() throws(SystemError) {
        let result = unsafe program.withUnsafeBytes { bytes in
            // SAFETY: address and count are the array's own; the kernel copies the program. The name is a literal.
            kind.name.withUTF8Buffer { name in
                unsafe name.withMemoryRebound(to: CChar.self) { name in
                    unsafe clinux_install_filter(bytes.baseAddress, bytes.count, name.baseAddress)
                }
            }
        }
        try checked(result, "install the filter of the \(kind) threads")
    }
}
