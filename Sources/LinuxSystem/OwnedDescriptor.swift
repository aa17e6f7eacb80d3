import CLinux
import Glibc
import SystemPackage

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// A file descriptor that is closed when its last owner lets go of it.
public final class OwnedDescriptor: Sendable {
    public let rawValue: CInt

    /// Takes ownership of an open descriptor.
    public init(taking rawValue: CInt) { self.rawValue = rawValue }

    deinit { close(rawValue) }

    /// Opens a file, close-on-exec. `flags` and `mode` are those of open(2).
    public convenience init(opening path: String, flags: CInt, mode: UInt32 = 0o600) throws(SystemError) {
        self.init(taking: try unsafe checked(clinux_open(path, flags, mode), "open \(path)"))
    }

    /// A pipe, close-on-exec and blocking.
    public static func pipe() throws(SystemError) -> (reader: OwnedDescriptor, writer: OwnedDescriptor) {
        var ends: [CInt] = [-1, -1]
        try unsafe checked(clinux_make_pipe(&ends), "make a pipe")
        return (OwnedDescriptor(taking: ends[0]), OwnedDescriptor(taking: ends[1]))
    }

    /// A second descriptor for the same open file.
    public func duplicate() throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try duplicateToGiveAway())
    }

    /// A second descriptor, which belongs to its receiver: SwiftNIO closes what it is given.
    public func duplicateToGiveAway() throws(SystemError) -> CInt {
        let copy = fcntl(rawValue, F_DUPFD_CLOEXEC, 0)
        guard copy >= 0 else { throw SystemError("duplicate a descriptor", Errno(rawValue: errno)) }
        return copy
    }

    /// The file's size in bytes.
    public func sizeInBytes() throws(SystemError) -> UInt64 {
        var status = stat()
        guard unsafe fstat(rawValue, &status) == 0 else {
            throw SystemError("read a file's size", Errno(rawValue: errno))
        }
        return UInt64(status.st_size)
    }

    /// Empties the file and starts again at its beginning.
    public func truncate() throws(SystemError) {
        guard ftruncate(rawValue, 0) == 0, lseek(rawValue, 0, SEEK_SET) == 0 else {
            throw SystemError("truncate a file", Errno(rawValue: errno))
        }
    }

    public func setNonBlocking(_ nonBlocking: Bool = true) throws(SystemError) {
        let flags = fcntl(rawValue, F_GETFL)
        let wanted = nonBlocking ? flags | O_NONBLOCK : flags & ~O_NONBLOCK
        guard flags >= 0, fcntl(rawValue, F_SETFL, wanted) == 0 else {
            throw SystemError("change a descriptor's blocking mode", Errno(rawValue: errno))
        }
    }
}
