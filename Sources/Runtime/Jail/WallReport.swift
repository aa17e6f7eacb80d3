import Glibc
import LinuxSystem
import SystemPackage

/// Whether a wall around a process holds, as the host's kernel reports it. The names of the properties, in snake case, are
/// the keys of its JSON.
public struct WallReport: Encodable, Equatable, Sendable {
    public var wall: String
    public var holds: Bool
    /// What was found.
    public var finding: String
}

/// Looks at a process from outside: what it says of itself counts for nothing.
public struct WallInspection {
    private static let namespaces = ["cgroup", "ipc", "mnt", "net", "pid", "uts"]
    private static let capabilitySets = ["CapInh", "CapPrm", "CapEff", "CapBnd", "CapAmb"]

    private let process: Int32
    /// The lines of each thread's status, by their names.
    private let threads: [[String: String]]

    /// Nil where there is no such process.
    public init?(of process: Int32) {
        self.process = process
        let tasks = (try? FileSystem.names(in: "/proc/\(process)/task")) ?? []
        threads = tasks.compactMap { Self.status("/proc/\(process)/task/\($0)/status") }
        if threads.isEmpty { return nil }
    }

    private static func status(_ path: String) -> [String: String]? {
        guard let bytes = try? FileSystem.contents(of: path, atMost: 8192) else { return nil }
        let lines = String(decoding: bytes, as: UTF8.self).split(separator: "\n")
        return Dictionary(
            lines.compactMap { line in
                line.firstIndex(of: ":").map { colon in
                    (
                        String(line[..<colon]),
                        line[line.index(after: colon)...].split(whereSeparator: \.isWhitespace).joined(separator: " ")
                    )
                }
            }, uniquingKeysWith: { first, _ in first })
    }

    /// The walls of a VM's process.
    public var ofMachine: [WallReport] {
        [
            user, ownNamespace("user"), namespaces, root, capabilities(0),
            everyThread("no new privileges", "NoNewPrivs", "1"), everyThread("system call filters", "Seccomp", "2"),
        ]
    }

    /// The walls of the process that serves its volumes: root over what it has descriptors of.
    public var ofFileServer: [WallReport] {
        [
            namespaces, root, capabilities(fileServerCapabilities),
            everyThread("no new privileges", "NoNewPrivs", "1"), everyThread("system call filters", "Seccomp", "2"),
        ]
    }

    private func values(_ name: String) -> Set<String> { Set(threads.map { $0[name] ?? "unknown" }) }

    private var user: WallReport {
        let users = Set((values("Uid").union(values("Gid"))).flatMap { $0.split(separator: " ") })
        return WallReport(
            wall: "user of its own", holds: users.count == 1 && !users.contains("0"),
            finding: users.sorted().joined(separator: ", "))
    }

    private func everyThread(_ wall: String, _ name: String, _ expected: String) -> WallReport {
        let count = threads.filter { $0[name] == expected }.count
        return WallReport(
            wall: wall, holds: count == threads.count, finding: "\(count) of \(threads.count) threads")
    }

    private func capabilities(_ allowed: UInt64) -> WallReport {
        let bits = Self.capabilitySets.flatMap { values($0) }.map { UInt64($0, radix: 16) ?? .max }.reduce(0, |)
        return WallReport(
            wall: allowed == 0 ? "no capabilities" : "capabilities for files alone", holds: bits & ~allowed == 0,
            finding: bits == 0 ? "none" : "0x" + String(bits, radix: 16))
    }

    private func isOwn(_ namespace: String) -> Bool {
        let its = FileSystem.target(ofLink: "/proc/\(process)/ns/\(namespace)")
        return its != nil && its != FileSystem.target(ofLink: "/proc/self/ns/\(namespace)")
    }

    private func ownNamespace(_ name: String) -> WallReport {
        WallReport(wall: "\(name) namespace", holds: isOwn(name), finding: isOwn(name) ? "its own" : "the host's")
    }

    private var namespaces: WallReport {
        let shared = Self.namespaces.filter { !isOwn($0) }
        return WallReport(
            wall: "namespaces", holds: shared.isEmpty,
            finding: shared.isEmpty
                ? Self.namespaces.joined(separator: ", ") : "the host's: \(shared.joined(separator: ", "))")
    }

    private var root: WallReport {
        let names = try? FileSystem.names(in: "/proc/\(process)/root/")
        return WallReport(
            wall: "empty root", holds: names == .some([]),
            finding: names.flatMap { $0 }.map { "\($0.count) entries" } ?? "unknown")
    }
}
