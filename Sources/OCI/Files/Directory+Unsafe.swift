import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// An open directory, and what is done with the names in it. No operation follows a symbolic link, and none takes more than
/// one name: what a path of several names means is for `FileTree` to say.
final class Directory {
    let descriptor: OwnedDescriptor
    let inode: UInt64

    init(_ descriptor: OwnedDescriptor) throws(OCIError) {
        self.descriptor = descriptor
        inode = try Self.status(of: descriptor).inode
    }

    /// Opens a directory by a path of the host's, following links.
    convenience init(opening path: String) throws(OCIError) {
        try self.init(
            system { () throws(SystemError) in try OwnedDescriptor(opening: path, flags: O_RDONLY | O_DIRECTORY) })
    }

    /// What lies at a path of the host's, links followed; nil when there is nothing.
    static func status(ofPath path: String) throws(OCIError) -> FileStatus? {
        try system { () throws(SystemError) in try FileSystem.status(path) }
    }

    static func status(of descriptor: OwnedDescriptor) throws(OCIError) -> FileStatus {
        try system { () throws(SystemError) in try descriptor.status() }
    }

    /// What lies at a name; nil when there is nothing.
    func status(of name: FilePath.Component) throws(OCIError) -> FileStatus? {
        var status = stat()
        // SAFETY: the name is a NUL-terminated string for the length of the call; fstatat(2) fills a local of its own type.
        let result = unsafe name.withPlatformString {
            unsafe fstatat(descriptor.rawValue, $0, &status, AT_SYMLINK_NOFOLLOW)
        }
        if result == 0 { return FileStatus(status) }
        guard errno == ENOENT else { throw failure("examine", name) }
        return nil
    }

    /// Opens the directory at a name; a link is none.
    func directory(_ name: FilePath.Component) throws(OCIError) -> Directory {
        try Directory(open(name, flags: O_RDONLY | O_DIRECTORY | O_NOFOLLOW))
    }

    /// Opens a file at a name with flags of open(2); close-on-exec is added.
    func open(_ name: FilePath.Component, flags: CInt, mode: mode_t = 0o600) throws(OCIError) -> OwnedDescriptor {
        // SAFETY: the name is a NUL-terminated string for the length of the call.
        let result = unsafe name.withPlatformString {
            unsafe Glibc.openat(descriptor.rawValue, $0, flags | O_CLOEXEC, mode)
        }
        guard result >= 0 else { throw failure("open", name) }
        return OwnedDescriptor(taking: result)
    }

    // SAFETY: here and below, `check` lends the name as a NUL-terminated string for the length of the call.
    func makeDirectory(_ name: FilePath.Component, mode: mode_t = 0o755) throws(OCIError) {
        try unsafe check("make the directory", name) { unsafe mkdirat(descriptor.rawValue, $0, mode) }
    }

    func makeSymbolicLink(_ name: FilePath.Component, to target: [CChar]) throws(OCIError) {
        // SAFETY: `target` ends with the NUL that the tar reader copied with it.
        try unsafe check("make the link", name) { unsafe symlinkat(target, descriptor.rawValue, $0) }
    }

    /// Makes a device, a fifo or a socket; `mode` holds its type.
    func makeNode(_ name: FilePath.Component, mode: mode_t, major: UInt32, minor: UInt32) throws(OCIError) {
        // SAFETY: the name is a NUL-terminated string for the length of the call.
        let result = unsafe name.withPlatformString {
            unsafe clinux_make_node(descriptor.rawValue, $0, mode, major, minor)
        }
        guard result >= 0 else {
            throw .system(SystemError("make the special file \(quoted(name.string))", Errno(rawValue: -result)))
        }
    }

    func makeHardLink(_ name: FilePath.Component, to target: FilePath.Component, in other: Directory) throws(OCIError) {
        try unsafe check("make the hard link", name) { path in
            // SAFETY: both names are NUL-terminated strings for the length of the call.
            unsafe target.withPlatformString {
                unsafe linkat(other.descriptor.rawValue, $0, descriptor.rawValue, path, 0)
            }
        }
    }

    // SAFETY: as above.
    func remove(_ name: FilePath.Component, isDirectory: Bool = false) throws(OCIError) {
        try unsafe check("remove", name) { unsafe unlinkat(descriptor.rawValue, $0, isDirectory ? AT_REMOVEDIR : 0) }
    }

    func rename(_ name: FilePath.Component, to newName: FilePath.Component, in other: Directory) throws(OCIError) {
        try unsafe check("rename", name) { path in
            // SAFETY: both names are NUL-terminated strings for the length of the call.
            unsafe newName.withPlatformString {
                unsafe renameat(descriptor.rawValue, path, other.descriptor.rawValue, $0)
            }
        }
    }

    /// The text of the link at a name; nil when there is nothing, or no link.
    func target(of name: FilePath.Component) -> FilePath? {
        var text = [CChar](repeating: 0, count: Int(PATH_MAX) + 1)
        // SAFETY: the array has one byte more than readlinkat(2) may fill, so it stays NUL-terminated.
        let length = unsafe name.withPlatformString { unsafe readlinkat(descriptor.rawValue, $0, &text, Int(PATH_MAX)) }
        return length > 0 ? FilePath(platformString: text) : nil
    }

    private func check(
        _ action: String, _ name: FilePath.Component, _ call: (UnsafePointer<CChar>) -> CInt
    ) throws(OCIError) {
        // SAFETY: the name is a NUL-terminated string for the length of the call.
        guard unsafe name.withPlatformString({ unsafe call($0) }) == 0 else { throw failure(action, name) }
    }

    private func failure(_ action: String, _ name: FilePath.Component) -> OCIError {
        .system(SystemError("\(action) \(quoted(name.string))", Errno(rawValue: errno)))
    }

    private static func failure(_ action: String) -> OCIError { .system(SystemError(action, Errno(rawValue: errno))) }
    private func failure(_ action: String) -> OCIError { Self.failure(action) }
}
