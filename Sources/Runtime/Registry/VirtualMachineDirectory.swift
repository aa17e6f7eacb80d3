import Glibc
import LeanJSON
import LinuxSystem
import SystemPackage

/// A VM's directory of the registry.
public struct VirtualMachineDirectory: Hashable, Sendable {
    public let function: FunctionDirectory
    public let id: String

    public var path: String { "\(function.machinesPath)/\(id)" }
    public var lockPath: String { "\(path)/lock" }
    var processPath: String { "\(path)/pid" }
    /// The id of the process that serves its volumes, likewise.
    var fileServerPath: String { "\(path)/files-pid" }
    public var socketPath: String { "\(path)/control.sock" }
    /// What the guest's kernel prints.
    public var consolePath: String { "\(path)/console.log" }
    /// What the VM's processes say.
    public var logPath: String { "\(path)/monitor.log" }
    /// The path of its control group.
    var groupPath: String { "\(path)/group" }
    var recordPath: String { "\(path)/vm.json" }
    /// There until a prewarmed VM has its first container.
    var prewarmedPath: String { "\(path)/prewarmed" }

    /// How it was started; nil where the directory is gone.
    public func record() throws(RuntimeError) -> VirtualMachineRecord? {
        try RecordFile.read(VirtualMachineRecord.self, from: recordPath)
    }

    /// Whether its process lives: whether its lock is held.
    public func isAlive() throws(RuntimeError) -> Bool {
        do {
            // Shared: of several that look, each sees the same.
            return try !OwnedDescriptor(opening: lockPath, flags: O_RDONLY | O_NOFOLLOW).tryLock(.shared)
        } catch {
            if error.errno == .noSuchFileOrDirectory { return false }
            throw .system(error)
        }
    }

    /// Whether it was prewarmed and has had no container yet.
    public func isPrewarmed() throws(RuntimeError) -> Bool {
        try system { () throws(SystemError) in try FileSystem.status(prewarmedPath) != nil }
    }

    /// Takes a prewarmed VM for a container; of several that try, one gets it.
    func takePrewarmed() throws(RuntimeError) -> Bool {
        try system { () throws(SystemError) in try FileSystem.takeFile(prewarmedPath) }
    }

    /// Its process's id, above 0: kill(2) gives 0 and less a meaning of their own. Nil where none was started. It was
    /// written by the client that started the process, before its program began, in a file that the VM never has a
    /// descriptor of.
    public func processID() throws(RuntimeError) -> Int32? { try processID(in: processPath) }

    private func processID(in path: String) throws(RuntimeError) -> Int32? {
        let bytes =
            try system { () throws(SystemError) in
                try FileSystem.contents(of: path, atMost: 32, followsLink: false)
            } ?? []
        return Int32(String(decoding: bytes.prefix { $0 != 0x0A }, as: UTF8.self)).flatMap { $0 > 0 ? $0 : nil }
    }

    /// How the walls around its process are.
    public func walls() throws(RuntimeError) -> [WallReport] {
        try processID().flatMap { WallInspection(of: $0) }?.ofMachine ?? []
    }

    /// How those are around the process that serves its volumes; nil where there is none.
    public func fileServerWalls() throws(RuntimeError) -> [WallReport]? {
        guard let process = try processID(in: fileServerPath),
            // Its number may be another's by now.
            let name = try? FileSystem.contents(of: "/proc/\(process)/comm", atMost: 16),
            name == Array("czone-files\n".utf8)
        else { return nil }
        return WallInspection(of: process)?.ofFileServer
    }

    /// Why it ended: the last line of its log that its process wrote with nothing before its name (as JSON, at the level
    /// critical), else nothing.
    public func lastWords() -> String {
        guard let bytes = try? FileSystem.tail(of: logPath, atMost: 16 << 10) else { return "" }
        let lines = String(decoding: bytes, as: UTF8.self).split(whereSeparator: \.isNewline)
        for line in lines.reversed() {
            if let reason = Self.reason(in: line) { return printable(reason, atMost: 512) }
        }
        return ""
    }

    private static func reason(in line: Substring) -> String? {
        let prefix = "czone-vm: "
        if line.hasPrefix(prefix) { return String(line.dropFirst(prefix.count)) }
        guard line.hasPrefix("{"), line.contains("\"level\":\"critical\",\"program\":\"czone-vm\"") else { return nil }
        return JSONValue(Array(line.utf8))?["message"]?.text
    }

    /// The path of the control group of its process; nil where it has none.
    private func groupName() throws(RuntimeError) -> String? {
        try system { () throws(SystemError) in
            try FileSystem.contents(of: groupPath, atMost: 4096, followsLink: false)
        }.map { String(decoding: $0, as: UTF8.self) }
    }

    /// Beside it, that of the process which serves its volumes.
    private static func fileServerGroup(_ path: String) -> String { path + "-files" }

    /// The control group of the process that serves its volumes; nil where the VM has none.
    func fileServerGroup() throws(RuntimeError) -> ControlGroup? {
        try groupName().flatMap { ControlGroup(path: Self.fileServerGroup($0)) }
    }

    /// When the VM was started, for their order.
    var startTime: UInt64 {
        UInt64(clamping: (try? FileSystem.status(recordPath))?.modified ?? 0)
    }

    /// Removes the directory of a dead VM. Only with the function locked.
    func remove() throws(RuntimeError) {
        // One that cannot be removed is another's by now, or its parent's end is its own.
        if let path = try groupName() {
            for path in [path, Self.fileServerGroup(path)] { try? ControlGroup(path: path)?.remove() }
        }
        try system { () throws(SystemError) in
            for file in try FileSystem.names(in: path) ?? [] { try FileSystem.removeFile("\(path)/\(file)") }
            try FileSystem.removeDirectory(path)
        }
    }
}

/// How a VM was started.
public struct VirtualMachineRecord: Codable, Equatable, Sendable {
    public var id: String
    public var memoryInBytes: UInt64
    public var virtualCPUs: Int
    public var zoneCount: Int
    public var zoneSizeInBytes: UInt64
    public var image: String
    /// Nanoseconds since 1970 UTC.
    public var started: UInt64
}
