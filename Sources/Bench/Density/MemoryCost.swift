import Glibc
import LinuxSystem
import SystemPackage

/// What a set of processes costs their host, in bytes.
///
/// - Proportional set sizes (/proc/PID/smaps, Pss), guest memory among them, but for the files named `shared`, images
///   and templates: of those only what a process has written to its private copy.
/// - The page cache of those files, once each.
/// - The kernel's memory for the processes: page tables (VmPTE) and a stack of 16 KiB for each thread. The second-level
///   page tables of KVM are in no process's accounts; a control group's has them.
public struct MemoryCost: Equatable, Sendable {
    public var processes: UInt64 = 0
    public var files: UInt64 = 0
    public var kernel: UInt64 = 0

    public static let none = MemoryCost()
    private init() {}

    public var total: UInt64 { processes + files + kernel }

    private static let kernelStackSize: UInt64 = 16 << 10
    private static let maxBytes = 16 << 20

    /// - `processes`: their ids; those that are gone count nothing.
    /// - `shared`: paths of files that several processes map.
    public init(processes ids: [Int32], shared: [String]) throws {
        for id in ids {
            guard let maps = try? FileSystem.contents(of: "/proc/\(id)/smaps", atMost: Self.maxBytes) else { continue }
            processes += Self.proportionalBytes(String(decoding: maps, as: UTF8.self), shared: Set(shared))
            kernel += Self.kernelBytes(id)
        }
        for path in shared {
            let size = try FileSystem.status(path)?.sizeInBytes ?? 0
            guard size > 0 else { continue }
            let file = try OwnedDescriptor(opening: path, flags: O_RDONLY)
            files += try Mapping(.shared(file, offset: 0), sizeInBytes: Int(size), writable: false).residentBytes
        }
    }

    /// Of a text of smaps: mappings' first lines ("START-END PERMISSIONS OFFSET DEVICE INODE NAME"), then lines
    /// "Name: N kB".
    static func proportionalBytes(_ text: String, shared: Set<String>) -> UInt64 {
        var sum: UInt64 = 0
        var isShared = false
        for line in text.split(separator: "\n") {
            let words = line.split(separator: " ", omittingEmptySubsequences: true)
            guard let first = words.first else { continue }
            if !first.hasSuffix(":") {
                isShared = words.count > 5 && shared.contains(words[5...].joined(separator: " "))
            } else if first == (isShared ? "Anonymous:" : "Pss:"), words.count > 1 {
                sum += (UInt64(words[1]) ?? 0) << 10
            }
        }
        return sum
    }

    private static func kernelBytes(_ id: Int32) -> UInt64 {
        guard let status = try? FileSystem.contents(of: "/proc/\(id)/status", atMost: 8192) else { return 0 }
        var bytes: UInt64 = 0
        for line in String(decoding: status, as: UTF8.self).split(separator: "\n") {
            let words = line.split(whereSeparator: \.isWhitespace)
            guard words.count > 1, let number = UInt64(words[1]) else { continue }
            if words[0] == "VmPTE:" { bytes += number << 10 }
            if words[0] == "Threads:" { bytes += number * kernelStackSize }
        }
        return bytes
    }
}

/// A control group (v2) of a bench's own, in whose kernel accounts is what all of its processes cost. Nil where there
/// are none to be made: not root, or no memory controller.
public final class BenchGroup {
    private static let root = "/sys/fs/cgroup"
    private let path: String

    public init?(_ name: String) {
        path = "\(Self.root)/czone-bench-\(name)-\(getpid())"
        try? FileSystem.write("+memory", into: Self.root + "/cgroup.subtree_control")
        guard (try? FileSystem.makeDirectory(path, mode: 0o755)) != nil else { return nil }
        if (try? FileSystem.contents(of: path + "/memory.current", atMost: 32)) == nil {
            try? FileSystem.removeDirectory(path)
            return nil
        }
    }

    deinit {
        try? FileSystem.removeDirectory(own)
        try? FileSystem.removeDirectory(path)
    }

    /// Where this process is: what has groups below it, as those of VMs, passes no controller on while it has processes.
    private var own: String { path + "/bench" }

    /// Its path as /proc/PID/cgroup has it.
    var pathBelowRoot: String { String(path.dropFirst(Self.root.count)) }

    /// Runs the body with this process in the group: what it starts is in it from its first instruction on.
    public func run<Result>(_ body: () throws -> Result) throws -> Result {
        let before = Self.current
        try FileSystem.makeDirectories(FilePath(own), mode: 0o755)
        try Self.enter(own)
        defer { try? Self.enter(before) }
        return try body()
    }

    /// On as many processors as before: a VM has as many, and there is no template for others.
    private static func enter(_ path: String) throws(SystemError) {
        try CurrentProcess.keepingProcessors { () throws(SystemError) in
            try FileSystem.write("\(getpid())", into: path + "/cgroup.procs")
        }
    }

    /// All that is charged to it, page cache that it was the first to read among it.
    public var chargedBytes: UInt64 {
        let bytes = (try? FileSystem.contents(of: path + "/memory.current", atMost: 32)) ?? []
        return UInt64(String(decoding: bytes, as: UTF8.self).prefix { $0.isNumber }) ?? 0
    }

    /// This process's group: /proc/self/cgroup has "0::/PATH".
    private static var current: String {
        let bytes = (try? FileSystem.contents(of: "/proc/self/cgroup", atMost: 8192)) ?? []
        let line = String(decoding: bytes, as: UTF8.self).split(separator: "\n").first { $0.hasPrefix("0::") }
        return root + (line.map { String($0.dropFirst(3)) } ?? "/")
    }
}
