import AgentProtocol
import Hashing
import LinuxSystem
import OCI
public import SystemPackage

/// Seccomp filters that were compiled before, in the registry: `filters/<digest of all that they come from>`. Compiling one
/// takes longer than all else that a command works out before it talks to a VM.
public struct CompiledFilters: Sendable {
    /// With so many it begins anew. Hosts have a handful of profiles, each with the few sets of capabilities in use.
    static let maxCount = 64
    private static let smallest = 4 + 8

    private let directory: String

    /// Those of the registry at a path.
    public init(registry root: FilePath) { directory = "\(root.string)/filters" }

    /// The filter of a profile: as it was compiled before, else by the caller's compiler, and kept for the next.
    func filter(
        for profile: RuntimeSpec.Seccomp, compile: () throws(SpecificationError) -> SeccompFilter
    ) throws(SpecificationError) -> SeccompFilter {
        guard let path = path(of: profile) else { return try compile() }
        if let filter = kept(at: path) { return filter }
        let filter = try compile()
        // What cannot be kept is compiled again the next time, and nothing else.
        try? keep(filter, at: path)
        return filter
    }

    private func kept(at path: String) -> SeccompFilter? {
        let limit = 4 + Limits.filterInstructions * 8
        guard let bytes = try? FileSystem.contents(of: path, atMost: limit + 1),
            (Self.smallest...limit).contains(bytes.count),
            bytes.count % 8 == 4
        else { return nil }
        let flags = bytes[..<4].reversed().reduce(UInt32(0)) { $0 << 8 | UInt32($1) }
        return SeccompFilter(flags: flags, program: Array(bytes[4...]))
    }

    private func keep(_ filter: SeccompFilter, at path: String) throws(SystemError) {
        if let names = try FileSystem.names(in: directory) {
            if names.count >= Self.maxCount { for name in names { try FileSystem.removeFile("\(directory)/\(name)") } }
        } else {
            try FileSystem.makeDirectories(FilePath(directory))
        }
        let flags = (0..<4).map { UInt8(truncatingIfNeeded: filter.flags >> ($0 * 8)) }
        try FileSystem.replace(path, with: flags + filter.program)
    }

    /// Of the profile, libseccomp and this program, any of which makes another filter; nil where this program's file
    /// is not known.
    private func path(of profile: RuntimeSpec.Seccomp) -> String? {
        guard let program = try? FileSystem.status("/proc/self/exe") else { return nil }
        var source = ProfileSource()
        source.add(
            "\(program.device) \(program.inode) \(program.sizeInBytes) \(program.modified) \(SeccompCompiler.libraryVersion)"
        )
        source.add(profile)
        return "\(directory)/\(hexadecimal(source.hash.finish().prefix(16)))"
    }
}

/// A profile as bytes, each of its parts with its length, so that no two profiles have the same.
private struct ProfileSource {
    var hash = SHA256()

    mutating func add(_ text: String) {
        add(number: UInt64(text.utf8.count))
        hash.update(text)
    }

    mutating func add(_ profile: RuntimeSpec.Seccomp) {
        add(profile.defaultAction)
        add(optional: profile.defaultErrnoRet)
        for list in [profile.architectures, profile.flags] {
            add(number: UInt64(list?.count ?? 0))
            for name in list ?? [] { add(name) }
        }
        add(profile.listenerPath ?? "")
        for rule in profile.syscalls ?? [] { add(rule) }
    }

    private mutating func add(_ rule: RuntimeSpec.SyscallRule) {
        add(number: UInt64(rule.names.count))
        add(rule.names.joined(separator: ","))
        add(rule.action)
        add(optional: rule.errnoRet)
        add(number: UInt64(rule.args?.count ?? 0))
        for argument in rule.args ?? [] {
            add(argument.op)
            for number in [UInt64(argument.index), argument.value, argument.valueTwo ?? 0] { add(number: number) }
        }
    }

    private mutating func add(optional number: UInt32?) { add(number: number.map { UInt64($0) } ?? .max) }

    private mutating func add(number: UInt64) {
        hash.update((0..<8).map { UInt8(truncatingIfNeeded: number >> ($0 * 8)) })
    }
}
