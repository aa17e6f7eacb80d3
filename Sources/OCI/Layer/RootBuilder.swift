import Glibc
import LinuxSystem
import SystemPackage

/// Unpacks the layers of an image over each other into an empty directory (OCI image spec 1.1, layer.md, "Applying
/// Changesets").
///
/// Nothing in a layer can reach outside of the directory: `..` is refused, absolute names begin at the directory, and a
/// link that stands for a parent directory is resolved by the kernel with the directory as its root.
final class RootBuilder {
    let tree: FileTree
    let limits: ImportLimits
    private var entries: UInt64 = 0
    private(set) var contentInBytes: UInt64 = 0
    private var uncompressedInBytes: UInt64 = 0
    /// What is known of every directory that was made, by its inode number.
    var directories: [UInt64: DirectoryState] = [:]
    /// The names that the current layer has put into place: its whiteouts do not apply to them.
    var placed: Set<Place> = []
    /// The directory of the last entry: the next one is most often in the same.
    var lastParent: (path: FilePath, directory: Directory)?

    struct DirectoryState {
        var depth: Int
        /// The length of its path in bytes.
        var pathLength: Int
        /// The time it gets when all layers are unpacked, as every entry made in it changes it.
        var modified: FileTime
    }

    struct Place: Hashable {
        let directory: UInt64
        let name: FilePath.Component
    }

    /// `root` is an empty directory that nobody else writes to.
    init(_ root: Directory, limits: ImportLimits) {
        tree = FileTree(root)
        self.limits = limits
        directories[root.inode] = DirectoryState(depth: 0, pathLength: 0, modified: .zero)
    }

    /// Unpacks the next layer, the lowest first, and checks that its bytes are what the image promises.
    ///
    /// - Parameter onRead: called with how many bytes of the blob have been read since the last call.
    func apply(_ layer: ImageLayer, onRead: @escaping (UInt64) -> Void) throws(OCIError) {
        let source = try Decompressor(
            layer.blob, what: layer.name, limit: limits.sizeInBytes, used: uncompressedInBytes, onRead: onRead)
        placed.removeAll()
        do {
            let reader = try TarReader(source, what: layer.name)
            while let entry = try reader.next() { try place(entry, reader) }
            let found = try source.digests()
            try layer.verify(blob: found.blob, plain: found.plain)
        } catch {
            // A damaged blob most often shows as a broken archive first: that its digest is wrong is the better news.
            if case .malformed = error, let promised = layer.blobDigest, let found = try? source.blobDigest(),
                found != promised
            {
                throw .digestMismatch(what: layer.name, expected: promised, actual: found)
            }
            throw error
        }
        uncompressedInBytes = source.producedInBytes
    }

    /// Gives every directory its time. To be called once, after the last layer.
    func finish() throws(OCIError) { try setTimes(of: tree.root) }

    private func setTimes(of directory: Directory) throws(OCIError) {
        for name in try directory.names() where try directory.status(of: name)?.kind == .directory {
            try setTimes(of: directory.directory(name))
        }
        try FileAttributes.setTime(directories[directory.inode]?.modified ?? .zero, of: directory)
    }

    private func place(_ entry: LayerEntry, _ reader: TarReader) throws(OCIError) {
        entries += 1
        guard entries <= limits.entries else { throw .limitExceeded(what: "entries", limit: limits.entries) }
        var entry = entry
        entry.attributes.dropOrders()
        let path = try relative(entry.path)
        guard let name = path.lastComponent else { return try placeRoot(entry) }
        if Whiteout.isInternal(path) { return }
        let parent = try parentDirectory(path.removingLastComponent(), of: path)
        if name.string.hasPrefix(Whiteout.prefix) { return try whiteOut(name, in: parent, path) }
        switch entry.kind {
        case .directory: try placeDirectory(entry, name, in: parent, path)
        case .file: try placeFile(entry, name, in: parent, path, reader)
        case .symbolicLink(let target):
            try clear(name, in: parent)
            try parent.makeSymbolicLink(name, to: target)
            try entry.attributes.apply(to: name, in: parent, isLink: true, path: path)
        case .hardLink(let target): try placeHardLink(to: relative(target), name, in: parent, path)
        case .node(let type, let major, let minor):
            try clear(name, in: parent)
            try parent.makeNode(name, mode: type | 0o600, major: major, minor: minor)
            try entry.attributes.apply(to: name, in: parent, isLink: false, path: path)
        }
        placed.insert(Place(directory: parent.inode, name: name))
    }

    private func placeRoot(_ entry: LayerEntry) throws(OCIError) {
        guard case .directory = entry.kind else {
            throw .unsafeEntry(path: entry.path.string, reason: "it would replace the root directory")
        }
        try entry.attributes.apply(to: tree.root.descriptor, path: "/")
        directories[tree.root.inode]?.modified = entry.attributes.modified
    }

    private func placeDirectory(
        _ entry: LayerEntry, _ name: FilePath.Component, in parent: Directory, _ path: FilePath
    ) throws(OCIError) {
        let existing = try parent.status(of: name)
        if existing?.kind != .directory {
            if existing != nil { try clear(name, in: parent) }
            try makeDirectory(name, in: parent, path)
        }
        let directory = try parent.directory(name)
        try entry.attributes.apply(to: directory.descriptor, path: path)
        directories[directory.inode]?.modified = entry.attributes.modified
    }

    private func placeFile(
        _ entry: LayerEntry, _ name: FilePath.Component, in parent: Directory, _ path: FilePath, _ reader: TarReader
    ) throws(OCIError) {
        let (total, overflow) = contentInBytes.addingReportingOverflow(entry.sizeInBytes)
        guard !overflow, total <= limits.sizeInBytes else {
            throw .limitExceeded(what: "bytes when unpacked", limit: limits.sizeInBytes)
        }
        contentInBytes = total
        try clear(name, in: parent)
        let file = try parent.open(name, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
        try write(entry, to: file, reader)
        try entry.attributes.apply(to: file, path: path)
    }

    private func placeHardLink(
        to target: FilePath, _ name: FilePath.Component, in parent: Directory, _ path: FilePath
    ) throws(OCIError) {
        guard let targetName = target.lastComponent, let directory = try tree.directory(target.removingLastComponent()),
            let status = try directory.status(of: targetName)
        else {
            throw .unsafeEntry(
                path: path.string, reason: "it is a hard link to \(quoted(target.string)), which is not there")
        }
        guard status.kind != .directory else {
            throw .unsafeEntry(path: path.string, reason: "it is a hard link to the directory \(quoted(target.string))")
        }
        // Where both names are one already, removing the old one would remove the target.
        if let existing = try parent.status(of: name), existing.inode == status.inode { return }
        try clear(name, in: parent)
        try parent.makeHardLink(name, to: targetName, in: directory)
    }
}
