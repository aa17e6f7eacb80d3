import Glibc
import LinuxSystem
import SystemPackage

/// Puts layers that lie unpacked in directories, as the overlay file system has them, over each other into an empty
/// directory.
///
/// A character device 0:0 takes the lower name away, and a directory with `trusted.overlay.opaque` hides the lower one
/// (Linux, filesystems/overlayfs.rst, "whiteouts and opaque directories"). Nothing is mounted for it, so nothing can be
/// left mounted.
final class LayerMerger {
    private let root: Directory
    private let limits: ImportLimits
    private var entries: UInt64 = 0
    private(set) var contentInBytes: UInt64 = 0
    /// The first name of each file of the present layer that has several.
    private var linked: [UInt64: (directory: Directory, name: FilePath.Component)] = [:]

    private static let opaqueNames = ["trusted.overlay.opaque", "user.overlay.opaque"]
        .map { Array($0.utf8CString) }

    /// `root` is an empty directory that nobody else writes to.
    init(_ root: Directory, limits: ImportLimits) {
        self.root = root
        self.limits = limits
    }

    /// Adds the next layer, the lowest first.
    func add(_ layer: Directory) throws(OCIError) {
        linked = [:]
        try merge(layer, into: root, FilePath("/"), depth: 0)
    }

    private func merge(_ source: Directory, into target: Directory, _ path: FilePath, depth: Int) throws(OCIError) {
        guard depth <= limits.depth else {
            throw .limitExceeded(
                what: "directories in each other (\(quoted(path.string)))", limit: UInt64(limits.depth))
        }
        for entry in try source.listing() {
            entries += 1
            guard entries <= limits.entries else { throw .limitExceeded(what: "entries", limit: limits.entries) }
            let (name, status) = (entry.name, entry.status)
            let place = path.appending(name)
            switch status.kind {
            case .directory: try mergeDirectory(name, of: source, into: target, place, depth: depth)
            case .file: try copyFile(name, status, of: source, into: target, place)
            case .symbolicLink: try copyLink(name, status, of: source, into: target, place)
            case .other: try copyNode(name, status, into: target, place)
            }
        }
        try FileAttributes(of: source.descriptor).apply(to: target.descriptor, path: path)
    }

    private func mergeDirectory(
        _ name: FilePath.Component, of source: Directory, into target: Directory, _ path: FilePath, depth: Int
    ) throws(OCIError) {
        let directory = try source.directory(name)
        let lower = try target.status(of: name)
        var isThere = lower?.kind == .directory
        if lower != nil {
            let isHidden = try isOpaque(directory)
            if !isThere || isHidden {
                try target.removeTree(name)
                isThere = false
            }
        }
        if !isThere { try target.makeDirectory(name) }
        try merge(directory, into: target.directory(name), path, depth: depth + 1)
    }

    private func isOpaque(_ directory: Directory) throws(OCIError) -> Bool {
        for name in Self.opaqueNames
        where try FileAttributes.value(of: name, directory.descriptor) == [UInt8(ascii: "y")] {
            return true
        }
        return false
    }

    private func copyFile(
        _ name: FilePath.Component, _ status: FileStatus, of source: Directory, into target: Directory, _ path: FilePath
    ) throws(OCIError) {
        try target.removeTree(name)
        if status.links > 1, let first = linked[status.inode] {
            return try target.makeHardLink(name, to: first.name, in: first.directory)
        }
        let (total, overflow) = contentInBytes.addingReportingOverflow(status.sizeInBytes)
        guard !overflow, total <= limits.sizeInBytes else {
            throw .limitExceeded(what: "bytes", limit: limits.sizeInBytes)
        }
        contentInBytes = total
        let original = try source.open(name, flags: O_RDONLY | O_NOFOLLOW)
        let copy = try target.open(name, flags: O_WRONLY | O_CREAT | O_EXCL | O_NOFOLLOW)
        try copyContent(from: original, to: copy)
        try FileAttributes(of: original).apply(to: copy, path: path)
        if status.links > 1 { linked[status.inode] = (target, name) }
    }

    private func copyLink(
        _ name: FilePath.Component, _ status: FileStatus, of source: Directory, into target: Directory, _ path: FilePath
    ) throws(OCIError) {
        try target.removeTree(name)
        guard let destination = source.target(of: name) else { throw .changed(path: path.string) }
        try target.makeSymbolicLink(name, to: Array(destination.string.utf8CString))
        try FileAttributes(status).apply(to: name, in: target, isLink: true, path: path)
    }

    private func copyNode(
        _ name: FilePath.Component, _ status: FileStatus, into target: Directory, _ path: FilePath
    ) throws(OCIError) {
        try target.removeTree(name)
        let type = status.mode & S_IFMT
        if type == S_IFCHR, status.specialDevice == 0 { return }
        try target.makeNode(
            name, mode: type | 0o600, major: status.specialDeviceMajor, minor: status.specialDeviceMinor)
        try FileAttributes(status).apply(to: name, in: target, isLink: false, path: path)
    }
}
