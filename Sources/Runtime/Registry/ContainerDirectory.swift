import AgentProtocol
public import ControlProtocol
import Glibc
import LeanJSON
import LinuxSystem
import Logging
import Logs
import SystemPackage

/// A container's directory of the registry.
public struct ContainerDirectory: Hashable, Sendable {
    let root: String
    public let id: String

    public var path: String { "\(root)/containers/\(id)" }
    public var exitPath: String { "\(path)/exit" }
    var recordPath: String { "\(path)/container.json" }
    private var networkPath: String { "\(path)/network" }

    /// Nil where there is no such container.
    public func record() throws(RuntimeError) -> ContainerRecord? {
        try RecordFile.read(ContainerRecord.self, from: recordPath)
    }

    /// How it ended; nil while it has not.
    public func exitRecord() throws(RuntimeError) -> ExitRecord? {
        let most = ControlLimits.text + ControlLimits.name + 64
        guard
            let bytes = try system({ () throws(SystemError) in
                try FileSystem.contents(of: exitPath, atMost: most, followsLink: false)
            }),
            !bytes.isEmpty
        else { return nil }
        var decoder = MessageDecoder(bytes)
        // A write that a crash of the host has cut is an end too.
        return (try? ExitRecord(decoding: &decoder)) ?? Self.unknownEnd(id, reason: "its exit record is damaged")
    }

    /// The end of a container of which no exit record was written.
    static func unknownEnd(_ id: String, reason: String) -> ExitRecord {
        ExitRecord(
            container: id, process: 0, code: 255, outOfMemory: false, time: currentTimeInNanoseconds(), reason: reason)
    }

    /// Whether it is being started, or runs: whether its exit record's file is locked and empty.
    public func isAlive() throws(RuntimeError) -> Bool {
        do {
            let file = try OwnedDescriptor(opening: exitPath, flags: O_RDONLY | O_NOFOLLOW)
            guard try file.sizeInBytes() == 0 else { return false }
            return try !file.tryLock(.shared)
        } catch {
            if error.errno == .noSuchFileOrDirectory { return false }
            throw .system(error)
        }
    }

    /// Changes the record of a container that this process starts.
    func update(_ record: ContainerRecord) throws(RuntimeError) { try RecordFile.write(record, to: recordPath) }

    /// Notes how it ended; called by the client that has seen its VM end.
    func write(_ exit: ExitRecord) throws(RuntimeError) {
        var encoder = MessageEncoder()
        exit.encode(into: &encoder)
        let bytes = encoder.bytes
        try system { () throws(SystemError) in try FileSystem.replace(exitPath, with: bytes) }
    }

    /// Locks the directory of a dead container, so that one alone cleans it up; nil where another does, or it is gone.
    func claim() throws(RuntimeError) -> OwnedDescriptor? {
        do {
            let directory = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
            return try directory.tryLock(.exclusive) ? directory : nil
        } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw .system(error)
        }
    }

    /// Notes how its pod's network is given back, for the process that removes it.
    func noteNetwork(_ note: String) throws(RuntimeError) {
        try system { () throws(SystemError) in try FileSystem.replace(networkPath, with: Array(note.utf8)) }
    }

    private func giveNetworkBack() {
        guard let note = try? FileSystem.contents(of: networkPath, atMost: 1 << 16, followsLink: false) else { return }
        PodNetwork.undo(note: String(decoding: note, as: UTF8.self))
    }

    /// Removes it at once; what cannot be removed at once is out of sight, and goes with the next clean-up.
    public func remove() throws(RuntimeError) {
        giveNetworkBack()
        let removed = "\(root)/containers/.\(id).\(Registry.freshID())"
        do { try FileSystem.rename(path, to: removed) } catch {
            if error.errno == .noSuchFileOrDirectory { return }
            throw .system(error)
        }
        try Self.removeFiles(of: removed)
    }

    /// Its log first: its record contains the log's path.
    static func removeFiles(of path: String) throws(RuntimeError) {
        if let directory = try? logDirectory(of: path) { try removeLog(directory) }
        try system { () throws(SystemError) in
            for file in try FileSystem.names(in: path) ?? [] { try FileSystem.removeFile("\(path)/\(file)") }
            try FileSystem.removeDirectory(path)
        }
    }

    /// That one field of the record, without Codable: most commands that remove a container have read none before.
    private static func logDirectory(of path: String) throws(RuntimeError) -> String? {
        guard let bytes = try RecordFile.bytes(of: "\(path)/container.json") else { return nil }
        return JSONValue(bytes)?[ContainerRecord.logDirectoryKey]?.text
    }

    /// How long a log's file system may take, in milliseconds. A log that it keeps is removed with others of no container.
    private static let logPatience: CInt = 15_000

    private static func removeLog(_ directory: String) throws(RuntimeError) {
        let removed = try system { () throws(SystemError) in
            try BoundedCall.value(withinMilliseconds: logPatience) {
                Result { () throws(SystemError) in try ContainerLogs.remove(directory) }
            }
        }
        guard let removed else {
            return Log.logger.warning(
                "the log \(directory) is left behind: its file system has not answered within \(logPatience / 1000) s")
        }
        try system { () throws(SystemError) in try removed.get() }
    }
}

/// The wall clock, in nanoseconds since 1970 UTC.
public func currentTimeInNanoseconds() -> UInt64 { WallClock.nanoseconds }
