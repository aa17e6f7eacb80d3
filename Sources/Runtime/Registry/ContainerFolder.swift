import AgentProtocol
public import ControlProtocol
import Glibc
import LinuxSystem
import SystemPackage

/// A container's folder of the registry.
public struct ContainerFolder: Hashable, Sendable {
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

    /// The end of a container of which nobody has told how it ended.
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

    /// Notes how it ended, for who has seen its VM end.
    func write(_ exit: ExitRecord) throws(RuntimeError) {
        var encoder = MessageEncoder()
        exit.encode(into: &encoder)
        let bytes = encoder.bytes
        try system { () throws(SystemError) in try FileSystem.replace(exitPath, with: bytes) }
    }

    /// Locks the folder of a dead container, so that one alone cleans it up; nil where another does, or it is gone.
    func claim() throws(RuntimeError) -> OwnedDescriptor? {
        do {
            let folder = try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY)
            return try folder.tryLock(.exclusive) ? folder : nil
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

    /// Its log first: its record tells where that is.
    static func removeFiles(of path: String) throws(RuntimeError) {
        let record = try? RecordFile.read(ContainerRecord.self, from: "\(path)/container.json")
        if let folder = record?.logFolder {
            try system { () throws(SystemError) in try ContainerLogs.remove(folder) }
        }
        try system { () throws(SystemError) in
            for file in try FileSystem.names(in: path) ?? [] { try FileSystem.removeFile("\(path)/\(file)") }
            try FileSystem.removeFolder(path)
        }
    }
}

extension Registry {
    private var containersPath: String { "\(root.string)/containers" }

    func container(_ id: String) -> ContainerFolder { ContainerFolder(root: root.string, id: id) }

    /// Enters a container that is about to start. Its folder appears whole.
    ///
    /// - Returns: the folder, and the locked file for its exit record: the container counts as alive until the last
    ///   descriptor of that is closed, so the VM gets it.
    /// - Throws: `RuntimeError.containerExists`.
    func enter(_ record: ContainerRecord) throws(RuntimeError) -> (ContainerFolder, exit: OwnedDescriptor) {
        let folder = container(record.id)
        var json = record.plainJSON
        if json == nil { json = try JSONText.bytes(of: record) }
        let bytes = json ?? []
        let staging = "\(containersPath)/.\(record.id).\(Self.freshID())"
        do {
            try makeStaging(staging)
            let exit = try OwnedDescriptor(opening: "\(staging)/exit", flags: O_RDWR | O_CREAT)
            try exit.takeLock(.exclusive)
            // Nobody reads a file in staging, so it need not appear in one step.
            try OwnedDescriptor(opening: "\(staging)/container.json", flags: O_WRONLY | O_CREAT).write(all: bytes)
            try name(staging, folder)
            return (folder, exit)
        } catch {
            try? ContainerFolder.removeFiles(of: staging)
            throw error.errno == .fileExists ? .containerExists(record.id) : .system(error)
        }
    }

    /// Gives a folder its name, which one that is to be removed at its end, and has ended, gives up.
    private func name(_ staging: String, _ folder: ContainerFolder) throws(SystemError) {
        do { try FileSystem.renameToFreeName(staging, to: folder.path) } catch {
            guard error.errno == .fileExists, (try? cleanUp(folder)) != nil else { throw error }
            try FileSystem.renameToFreeName(staging, to: folder.path)
        }
    }

    private func makeStaging(_ path: String) throws(SystemError) {
        do { try FileSystem.makeFolder(path) } catch {
            // The first container of this host.
            guard error.errno == .noSuchFileOrDirectory else { throw error }
            try FileSystem.makeFolders(FilePath(path))
        }
    }

    /// Every container, in no order.
    public func containers() throws(RuntimeError) -> [ContainerFolder] {
        try containerNames().filter { !$0.hasPrefix(".") }.map { container($0) }
    }

    /// The container of an id, or of its beginning if no other begins so.
    public func container(matching text: String) throws(RuntimeError) -> ContainerFolder {
        guard !text.isEmpty, !text.contains("/"), !text.hasPrefix(".") else { throw .noContainer(text) }
        let exact = container(text)
        if try system({ () throws(SystemError) in try FileSystem.status(exact.recordPath) }) != nil { return exact }
        let matches = try containers().filter { $0.id.hasPrefix(text) }
        guard let match = matches.first else { throw .noContainer(text) }
        guard matches.count == 1 else { throw .ambiguous(text: text, matches: matches.map(\.id).sorted()) }
        return match
    }

    func containerNames() throws(RuntimeError) -> [String] {
        try system { () throws(SystemError) in try FileSystem.names(in: containersPath) } ?? []
    }
}

/// The wall clock, in nanoseconds since 1970 UTC.
public func currentTimeInNanoseconds() -> UInt64 { WallClock.nanoseconds }
