import AgentProtocol
import ControlProtocol
import Glibc
import LinuxSystem
import Logging
import Logs
import SystemPackage

extension TemplateStore {
    /// How much of an explanation is taken from a VM that did not become a template.
    private static var maxWords: Int { 16 << 10 }

    /// Makes the template of a key, unless there is one: `boot` runs a VM that saves itself into the directory that it is
    /// given, with its words to the file. It appears whole, and is cut into chunks when it can be used.
    ///
    /// - Parameter limit: what all templates may take, in bytes; others make room for the new one.
    func make(
        _ key: TemplateKey, _ record: TemplateRecord, limit: UInt64,
        boot: (_ directory: String, _ words: OwnedDescriptor) throws(RuntimeError) -> Int32
    ) throws(RuntimeError) {
        let isNew = try insert(key) { (directory) throws(RuntimeError) in try fill(directory, record, boot) }
        guard isNew else { return }
        // A template is one without an index too.
        do { try cut(key.directoryName) } catch {
            Log.logger.warning("the template \(key.directoryName) is not cut into chunks: \(error)")
        }
        try evict(toBytes: limit, keeping: key)
    }

    /// Enters the template of a key, unless there is one: `fill` writes its files into the directory that it is given. It
    /// appears whole; where `fill` fails nothing of it is left.
    ///
    /// - Returns: whether it is new.
    package func insert(
        _ key: TemplateKey, fill: (_ directory: String) throws(RuntimeError) -> Void
    ) throws(RuntimeError) -> Bool {
        let work = workPath(key.directoryName)
        let lock = try lock(key)
        defer {
            try? FileSystem.removeFile("\(work).lock")
            withExtendedLifetime(lock) {}
        }
        if try contains(key) { return false }
        try sweep(except: key)
        // The process that was at it before has died.
        try system { () throws(SystemError) in
            try Self.removeDirectory(work)
            try FileSystem.makeDirectory(work)
        }
        defer { try? Self.removeDirectory(work) }
        try fill(work)
        try Self.write(key.parts, to: "\(work)/key.json")
        try system { () throws(SystemError) in
            try FileSystem.touch("\(path(key.directoryName)).used")
            try FileSystem.renameToFreeName(work, to: path(key.directoryName))
        }
        return true
    }

    /// Whether there is the template of a key.
    package func contains(_ key: TemplateKey) throws(RuntimeError) -> Bool {
        try system { () throws(SystemError) in try FileSystem.status(path(key.directoryName)) } != nil
    }

    /// Writes a record of a template's, which stays as it is.
    package static func write(_ record: some Encodable, to path: String) throws(RuntimeError) {
        try RecordFile.write(record, to: path)
        try system { () throws(SystemError) in
            try OwnedDescriptor(opening: path, flags: O_RDONLY).setMode(0o444)
        }
    }

    private func fill(
        _ directory: String, _ record: TemplateRecord,
        _ boot: (_ directory: String, _ words: OwnedDescriptor) throws(RuntimeError) -> Int32
    ) throws(RuntimeError) {
        let words = try system { () throws(SystemError) in
            try OwnedDescriptor(opening: "\(directory)/words", flags: O_RDWR | O_CREAT | O_EXCL | O_APPEND)
        }
        let status = try boot(directory, words)
        guard status == 0 else {
            let last = try? FileSystem.tail(of: "\(directory)/words", atMost: Self.maxWords)
            let line = String(decoding: last ?? [], as: UTF8.self).split(whereSeparator: \.isNewline).last ?? ""
            throw .invalid(
                "no template was made: the VM ended with status \(status): \(printable(String(line), atMost: 512))")
        }
        try system { () throws(SystemError) in try FileSystem.removeFile("\(directory)/words") }
        var record = record
        record.process = try takeReport(in: directory).map(ProcessTemplateRecord.init)
        try Self.write(record, to: "\(directory)/template.json")
    }

    /// What became of the process template, which is then the record's; nil where none was wanted.
    private func takeReport(in directory: String) throws(RuntimeError) -> ProcessTemplateReport? {
        let path = "\(directory)/\(ProcessTemplateReport.fileName)"
        let bytes = try system { () throws(SystemError) in try FileSystem.contents(of: path, atMost: 16 << 10) }
        guard let bytes, !bytes.isEmpty else { return nil }
        try system { () throws(SystemError) in try FileSystem.removeFile(path) }
        do throws(ProtocolError) { return try ProcessTemplateReport(bytes: bytes) } catch {
            throw .invalid("what a VM says of its process template makes no sense: \(error)")
        }
    }

    /// The lock of a key's making; another process may be at it for `ControlTimeouts.template`.
    private func lock(_ key: TemplateKey) throws(RuntimeError) -> OwnedDescriptor {
        let path = workPath("\(key.directoryName).lock")
        return try system { () throws(SystemError) in
            try FileSystem.makeDirectories(FilePath("\(root)/tmp"))
            while true {
                let lock = try OwnedDescriptor(opening: path, flags: O_RDWR | O_CREAT)
                try lock.takeLock(.exclusive, withinMilliseconds: ControlTimeouts.standard.template)
                // The one that had it before may have removed its file meanwhile.
                if try FileSystem.status(path)?.inode == lock.status().inode { return lock }
            }
        }
    }

    /// Removes what processes that died have left: templates half made, and half removed.
    private func sweep(except key: TemplateKey) throws(RuntimeError) {
        try system { () throws(SystemError) in
            for name in try FileSystem.names(in: "\(root)/tmp") ?? [] where !name.hasPrefix(key.directoryName) {
                if name.hasPrefix("gone-") {
                    try Self.removeDirectory(workPath(name))
                    continue
                }
                let stem = name.hasSuffix(".lock") ? String(name.dropLast(5)) : name
                let lock = try OwnedDescriptor(opening: workPath("\(stem).lock"), flags: O_RDWR | O_CREAT)
                guard try lock.tryLock(.exclusive) else { continue }
                try Self.removeDirectory(workPath(stem))
                try FileSystem.removeFile(workPath("\(stem).lock"))
            }
        }
    }
}
