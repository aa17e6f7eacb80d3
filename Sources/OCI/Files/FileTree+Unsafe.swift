import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// A directory that is somebody's root file system: paths and links in it are resolved as if it were `/`, by the kernel
/// (openat2(2), RESOLVE_IN_ROOT), so that nothing in it can lead out of it.
final class FileTree {
    let root: Directory

    init(_ root: Directory) { self.root = root }

    convenience init(opening path: String) throws(OCIError) { try self.init(Directory(opening: path)) }

    /// Opens the directory at a relative path; nil when there is nothing, or no directory.
    func directory(_ path: FilePath) throws(OCIError) -> Directory? {
        if path.isEmpty { return root }
        guard let descriptor = try open(path, flags: O_RDONLY | O_DIRECTORY) else { return nil }
        return try Directory(descriptor)
    }

    /// Opens what is at a relative path, following links in the tree; nil when there is nothing. Never waits for a fifo.
    func open(_ path: FilePath, flags: CInt) throws(OCIError) -> OwnedDescriptor? {
        // SAFETY: the path is a NUL-terminated string for the length of the call.
        let result = unsafe path.withPlatformString {
            unsafe clinux_open_in_root(root.descriptor.rawValue, $0, flags | O_NONBLOCK | O_NOCTTY)
        }
        if result >= 0 { return OwnedDescriptor(taking: result) }
        switch -result {
        case ENOENT, ENOTDIR, ELOOP, EXDEV: return nil
        default: throw .system(SystemError("open \(quoted(path.string))", Errno(rawValue: -result)))
        }
    }

    /// A regular file's content; nil when there is none, or it is longer than `most` bytes.
    func content(of path: FilePath, atMost most: Int) throws(OCIError) -> [UInt8]? {
        guard let descriptor = try open(path, flags: O_RDONLY) else { return nil }
        let status = try Directory.status(of: descriptor)
        guard status.kind == .file, status.sizeInBytes <= UInt64(most) else { return nil }
        return try system { () throws(SystemError) in
            try descriptor.read(exactly: Int(status.sizeInBytes), at: 0)
        }
    }
}
