import Hashing
import LinuxSystem
import SystemPackage

/// What distinguishes an unchanged directory from a changed one without reading a file: every entry's name, inode,
/// type, mode, owner, size and times. A process that changes a file cannot keep its change time (stat(2), `st_ctim`).
struct DirectoryFingerprint: Equatable {
    let digest: Digest
    /// The latest change in the directory, in nanoseconds since 1970.
    let latestChange: Int64
    /// The sizes of all files together.
    let contentInBytes: UInt64

    /// Walks a directory. `path` is part of the fingerprint.
    /// - Throws: `OCIError.unsupported` when another file system is mounted in it: what is there would be in the image.
    init(of directory: Directory, path: String, limits: ImportLimits) throws(OCIError) {
        let status = try Directory.status(of: directory.descriptor)
        var walk = Walk(path: path, status, limits: limits)
        try walk.visit(directory, FilePath(path), depth: 0)
        digest = Digest(bytes: walk.hash.finish())
        latestChange = walk.latestChange
        contentInBytes = walk.contentInBytes
    }

    private struct Walk {
        let device: UInt64
        let limits: ImportLimits
        var hash = SHA256()
        var latestChange: Int64
        var contentInBytes: UInt64 = 0
        var entries: UInt64 = 0

        init(path: String, _ root: FileStatus, limits: ImportLimits) {
            device = root.device
            latestChange = root.changed
            self.limits = limits
            hash.update("folder\0\(path)\0")
            hash.update(root.identity)
        }

        mutating func visit(_ directory: Directory, _ path: FilePath, depth: Int) throws(OCIError) {
            guard depth <= limits.depth else {
                throw .limitExceeded(what: "directories in each other", limit: UInt64(limits.depth))
            }
            // The order of a directory's names is not the same on every file system, nor for ever.
            var listing = try directory.listing()
            listing.sort { $0.identity.lexicographicallyPrecedes($1.identity) }
            for entry in listing {
                let status = entry.status
                guard status.device == device else {
                    throw .unsupported(
                        what: "the mount point", value: path.appending(entry.name).string,
                        expected: "a root file system without other file systems mounted in it")
                }
                entries += 1
                guard entries <= limits.entries else { throw .limitExceeded(what: "entries", limit: limits.entries) }
                latestChange = max(latestChange, status.changed)
                hash.update(entry.identity)
                switch status.kind {
                case .directory:
                    try visit(directory.directory(entry.name), path.appending(entry.name), depth: depth + 1)
                case .file:
                    contentInBytes += status.sizeInBytes
                    guard contentInBytes <= limits.sizeInBytes else {
                        throw .limitExceeded(what: "bytes", limit: limits.sizeInBytes)
                    }
                case .symbolicLink, .other: break
                }
            }
            // Marks the directory's end: no entry is that short.
            hash.update([0])
        }
    }
}

extension FileStatus {
    /// Two changes within one tick of the kernel's clock leave the same time: a file differs from its next state only
    /// when that much time has passed since its last change. The slowest tick there is takes 10 ms.
    static let clockTick: Int64 = 20_000_000
}
