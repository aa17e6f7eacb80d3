import Glibc
public import LinuxSystem
public import SystemPackage

/// The templates of a host: VMs that were saved when they were ready, for others to be restored from.
///
///     <key>/state, memory, template.json   a template; it is never written once its directory has this name
///     <key>/key.json                       what it must be a template of (`TemplateKey.Part`)
///     <key>/chunks                         what its memory consists of (`ChunkIndex`); comes when somebody cuts it
///     <key>/identity, source.json          of one that was pulled: what its state file says it is of, and from where it came
///     <key>.used                           its last use: the file's time
///     <key>.refused                        the manifest of one that was pulled, and that no VM could be restored from
///     digests/, repositories/              what this host knows of files' contents, and of registries
///     tmp/<key>, tmp/<key>.lock            one that is being made, locked by its maker
///     tmp/gone-…                           one that is being removed
///
/// Locks (flock(2)): `tmp/<key>.lock` exclusively while a template is made; `<key>/memory` shared by every VM that goes
/// on from it, and exclusively while it is removed.
public struct TemplateStore: Sendable {
    public let root: String

    /// The templates beside a store's images.
    public init(besides images: FilePath) { root = images.removingLastComponent().appending("templates").string }

    func path(_ name: String) -> String { "\(root)/\(name)" }
    func workPath(_ name: String) -> String { "\(root)/tmp/\(name)" }

    /// The right to use a template: it is not removed for as long as this, or a duplicate of its descriptor, lives.
    public struct Lease: Sendable {
        public let directory: String
        /// What its state file says that it is of.
        public let identity: String
        /// The memory file, open for reading. A process that inherits it inherits the lease.
        public let descriptor: OwnedDescriptor
    }

    /// The template of a key, if there is one.
    public func lease(_ key: TemplateKey) throws(RuntimeError) -> Lease? {
        let directory = path(key.directoryName)
        let memory: OwnedDescriptor
        do { memory = try OwnedDescriptor(opening: "\(directory)/memory", flags: O_RDONLY) } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw .system(error)
        }
        return try system { () throws(SystemError) in
            // Its remover may have been faster than the lock.
            try memory.takeLock(.shared, withinMilliseconds: ControlTimeouts.standard.lock)
            guard try FileSystem.status("\(directory)/memory") == memory.status() else { return nil }
            try FileSystem.touch("\(directory).used")
            return Lease(
                directory: directory, identity: try pulledIdentity(key.directoryName) ?? key.identity,
                descriptor: memory)
        }
    }

    /// What the state file of a template that was pulled says: its maker's files are others, of the same contents.
    private func pulledIdentity(_ name: String) throws(SystemError) -> String? {
        try FileSystem.contents(of: "\(path(name))/identity", atMost: TemplateKey.maxBytes).map {
            String(decoding: $0, as: UTF8.self)
        }
    }

    /// A template that is there.
    public struct Entry: Sendable {
        public let name: String
        public let record: TemplateRecord
        /// What its files take on the disk.
        public let allocatedBytes: UInt64
        /// Nanoseconds since 1970 UTC.
        public let lastUsed: UInt64
        public let isInUse: Bool
    }

    /// Every template, the one that was used last first.
    public func entries() throws(RuntimeError) -> [Entry] {
        let names = try system { () throws(SystemError) in try FileSystem.names(in: root) } ?? []
        var entries: [Entry] = []
        for name in names where name.count == 32 {
            if let entry = try entry(name) { entries.append(entry) }
        }
        return entries.sorted { ($1.lastUsed, $1.name) < ($0.lastUsed, $0.name) }
    }

    /// Nil for one that has just been removed.
    private func entry(_ name: String) throws(RuntimeError) -> Entry? {
        let directory = path(name)
        guard let record = try record(of: name) else { return nil }
        return try system { () throws(SystemError) in
            guard let state = try FileSystem.status("\(directory)/state"),
                let memory = try? OwnedDescriptor(opening: "\(directory)/memory", flags: O_RDONLY)
            else { return nil }
            return Entry(
                name: name, record: record, allocatedBytes: state.allocatedBytes + (try memory.status()).allocatedBytes,
                lastUsed: try FileSystem.status("\(directory).used").map { UInt64(clamping: $0.modified) }
                    ?? record.created,
                isInUse: try !memory.tryLock(.exclusive))
        }
    }

    /// What a template was made of; nil for one that has gone.
    package func record(of name: String) throws(RuntimeError) -> TemplateRecord? {
        try RecordFile.read(TemplateRecord.self, from: "\(path(name))/template.json")
    }

    /// The one template whose name is, or begins with, a text.
    public func find(_ text: String) throws(RuntimeError) -> Entry {
        let matches = try entries().filter { $0.name.hasPrefix(text) && !text.isEmpty }
        guard let match = matches.first else {
            throw .invalid("there is no template \(quoted(text)); see `czone template list`")
        }
        guard matches.count == 1 || match.name == text else {
            throw .ambiguous(text: text, matches: matches.map(\.name))
        }
        return match
    }

    // MARK: removal

    /// Removes a template; false where a VM is restored from it, or it is gone.
    @discardableResult
    public func remove(_ name: String) throws(RuntimeError) -> Bool {
        guard let memory = try? OwnedDescriptor(opening: "\(path(name))/memory", flags: O_RDONLY) else { return false }
        guard try system({ () throws(SystemError) in try memory.tryLock(.exclusive) }) else { return false }
        return try setAside(name)
    }

    /// Takes a template that was refused away. VMs restored from it have its files open.
    func discard(_ key: TemplateKey) throws(RuntimeError) {
        try noteRefusal(of: key)
        _ = try setAside(key.directoryName)
    }

    /// Renames first, so that nobody sees half of a template.
    private func setAside(_ name: String) throws(RuntimeError) -> Bool {
        let gone = workPath("gone-\(Registry.freshID())")
        do { try FileSystem.rename(path(name), to: gone) } catch {
            if error.errno == .noSuchFileOrDirectory { return false }
            throw .system(error)
        }
        try system { () throws(SystemError) in
            try FileSystem.removeFile("\(path(name)).used")
            try Self.removeDirectory(gone)
        }
        return true
    }

    static func removeDirectory(_ path: String) throws(SystemError) {
        for file in try FileSystem.names(in: path) ?? [] { try FileSystem.removeFile("\(path)/\(file)") }
        try FileSystem.removeDirectory(path)
    }

    /// Removes templates, those first whose last use is longest ago, until the others take at most `limit` bytes; what
    /// several share counts once.
    public func evict(toBytes limit: UInt64, keeping kept: TemplateKey? = nil) throws(RuntimeError) {
        let entries = try entries()
        var stored = try storedBytes(of: entries)
        for entry in entries.reversed() where entry.name != kept?.directoryName {
            guard stored.total > limit else { return }
            if try remove(entry.name) { stored.remove(entry.name) }
        }
    }

    /// What templates take of the disk.
    package func storedBytes(of entries: [Entry]) throws(RuntimeError) -> StoredBytes {
        var stored = StoredBytes()
        for entry in entries {
            for file in ["memory", "state"] {
                // Nothing of one that has just been removed.
                guard let file = try? OwnedDescriptor(opening: "\(path(entry.name))/\(file)", flags: O_RDONLY) else {
                    continue
                }
                try system { () throws(SystemError) in try stored.add(file, of: entry.name) }
            }
        }
        return stored
    }
}
