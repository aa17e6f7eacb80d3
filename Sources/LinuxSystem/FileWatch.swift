import CLinux
import Glibc
import SystemPackage

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// Becomes readable when a directory, or a file in it, changes (inotify(7)).
public final class FileWatch: Sendable {
    /// Readable when something has changed.
    public let descriptor: OwnedDescriptor

    /// Watches a directory: writes to its files, files that come and go, its own end.
    public convenience init(directory: String) throws(SystemError) { try self.init(directories: [directory]) }

    /// The same of several.
    public init(directories: [String]) throws(SystemError) {
        let raw = inotify_init1(CInt(IN_CLOEXEC) | CInt(IN_NONBLOCK))
        guard raw >= 0 else { throw SystemError("watch files", Errno(rawValue: errno)) }
        descriptor = OwnedDescriptor(taking: raw)
        let events = UInt32(
            IN_MODIFY | IN_CREATE | IN_DELETE | IN_MOVED_TO | IN_MOVED_FROM | IN_MOVE_SELF | IN_DELETE_SELF)
        for directory in directories {
            guard unsafe inotify_add_watch(raw, directory, events) >= 0 else {
                throw SystemError("watch \(directory)", Errno(rawValue: errno))
            }
        }
    }

    /// Forgets what has changed so far.
    public func drain() {
        while let piece = try? descriptor.read(atMost: 4096), !piece.isEmpty {}
    }
}
