import Glibc
import LinuxSystem
import SystemPackage

/// A VM's control group on the host: of version 2, or of the hierarchies of version 1 that have what it is for.
struct ControlGroup {
    /// Threads besides the vCPUs', and those of the process that serves volumes.
    private static let otherThreads = 16
    private static let root = "/sys/fs/cgroup"
    private static let controllers = ["memory", "pids", "cpu"]
    /// How often, and how long each time in milliseconds, its last processes' end is waited for.
    private static let attempts = 100
    private static let pause: CInt = 10

    /// The group's directories: one, or one in each hierarchy.
    let directories: [String]
    private let isUnified: Bool

    /// The group of a path below the roots (`HostPlace`); nil where the host has no control groups to be written to.
    init?(path: String) {
        let unified = (try? FileSystem.status("\(Self.root)/cgroup.controllers")) ?? nil
        isUnified = unified != nil
        let roots = isUnified ? [Self.root] : Self.controllers.map { "\(Self.root)/\($0)" }
        directories = roots.filter { root in
            guard let status = try? FileSystem.status(root), status.isDirectory else { return false }
            // SAFETY: the path's C string lives for the call.
            return unsafe access(root, W_OK) == 0
        }.map { $0 + path }
        if directories.isEmpty { return nil }
    }

    /// Makes it with its limits. What a host's kernel has no controller for is left out.
    func make(virtualCPUs: Int, memoryInBytes: UInt64) throws(SystemError) {
        try make()
        limit("pids.max", "\(virtualCPUs + Self.otherThreads)")
        limit(memoryFile, "\(memoryInBytes)")
        limit("memory.oom.group", "1")
    }

    /// Makes it without limits but of processes: for the process that serves volumes, whose files may be memory. What one
    /// container writes to such must not be its siblings' end.
    func makeForFiles() throws(SystemError) {
        try make()
        limit("pids.max", "\(Self.otherThreads)")
    }

    private func make() throws(SystemError) {
        for directory in directories {
            let path = FilePath(directory)
            try FileSystem.makeDirectories(path, mode: 0o755)
            if isUnified { Self.passControllersOn(to: path) }
        }
    }

    /// Of version 2: a group has the controllers that those above it pass on.
    private static func passControllersOn(to path: FilePath) {
        var above = FilePath(root)
        for name in path.components.dropFirst(above.components.count) {
            let passedOn = "\(above)/cgroup.subtree_control"
            // Memory first, which a group with processes of its own cannot pass on: one that passed on those of threads
            // alone would be one of threads, whose children take no process (cgroups(7), "Threaded subtrees").
            if (try? FileSystem.write("+memory", into: passedOn)) != nil {
                for controller in controllers { try? FileSystem.write("+\(controller)", into: passedOn) }
            }
            above.append(name)
        }
    }

    private var memoryFile: String { isUnified ? "memory.max" : "memory.limit_in_bytes" }

    private func limit(_ name: String, _ value: String) {
        for directory in directories { try? FileSystem.write(value, into: "\(directory)/\(name)") }
    }

    /// The files by which a process enters it, writing "0".
    func entrances() throws(SystemError) -> [OwnedDescriptor] {
        var files: [OwnedDescriptor] = []
        for directory in directories {
            files.append(try OwnedDescriptor(opening: "\(directory)/cgroup.procs", flags: O_WRONLY))
        }
        return files
    }

    /// Where the limit of its memory is written, in bytes; nil where there is none.
    func memoryLimit() -> OwnedDescriptor? {
        directories.lazy.compactMap { try? OwnedDescriptor(opening: "\($0)/\(memoryFile)", flags: O_WRONLY) }.first
    }

    /// Removes the group of a VM that has ended; a process of its that is still there is killed.
    func remove() throws(SystemError) {
        for directory in directories {
            for attempt in 0...Self.attempts {
                do throws(SystemError) {
                    try FileSystem.removeDirectory(directory)
                    break
                } catch {
                    guard error.errno == .resourceBusy, attempt < Self.attempts else { throw error }
                    if attempt == 0 { Self.killAll(in: directory) }
                    _ = try wait(for: [], timeoutInMilliseconds: Self.pause)
                }
            }
        }
    }

    private static func killAll(in directory: String) {
        // Since Linux 5.14, and of version 2 alone.
        if (try? FileSystem.write("1", into: "\(directory)/cgroup.kill")) != nil { return }
        let text = (try? FileSystem.contents(of: "\(directory)/cgroup.procs", atMost: 4096)) ?? []
        for number in String(decoding: text, as: UTF8.self).split(separator: "\n").compactMap({ Int32($0) }) {
            // What has its number meanwhile is not in the group.
            guard let process = try? LinuxSystem.watch(process: number),
                let now = try? FileSystem.contents(of: "\(directory)/cgroup.procs", atMost: 4096),
                String(decoding: now, as: UTF8.self).split(separator: "\n").contains("\(number)")
            else { continue }
            sendSignal(SIGKILL, to: process)
        }
    }
}
