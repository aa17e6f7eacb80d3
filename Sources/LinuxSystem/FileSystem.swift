import CLinux
import Glibc
public import SystemPackage

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// Files and directories by path.
public enum FileSystem {
    /// Makes a symbolic link.
    public static func makeLink(_ path: String, to target: String) throws(SystemError) {
        try unsafe checked(negated(symlink(target, path)), "make the link \(path)")
    }

    /// Where a symbolic link leads, as it is written; nil where there is none, or one longer than 4096 bytes.
    public static func target(ofLink path: String) -> String? {
        var buffer = [UInt8](repeating: 0, count: 4096)
        let count = unsafe buffer.withUnsafeMutableBytes { bytes in
            // SAFETY: address and size are the buffer's own.
            guard let base = bytes.baseAddress else { return 0 }
            return unsafe readlink(path, base.assumingMemoryBound(to: CChar.self), bytes.count)
        }
        return (1..<buffer.count).contains(count) ? String(decoding: buffer.prefix(count), as: UTF8.self) : nil
    }

    /// Whether the file system that a path lies in has extended attributes (listxattr(2) without ENOTSUP).
    public static func hasExtendedAttributes(_ path: String) -> Bool { unsafe clinux_has_extended_attributes(path) }

    /// Whether an open file or directory lies in an EROFS file system.
    public static func isEROFS(_ descriptor: OwnedDescriptor) -> Bool { clinux_is_erofs(descriptor.rawValue) }

    /// Follows links; nil when there is nothing.
    public static func status(_ path: String) throws(SystemError) -> FileStatus? {
        var status = stat()
        guard unsafe stat(path, &status) == 0 else {
            if errno == ENOENT || errno == ENOTDIR { return nil }
            throw SystemError("examine \(path)", Errno(rawValue: errno))
        }
        return FileStatus(status)
    }

    /// Whether the file system answers where a path is, within so many milliseconds: one that hangs keeps its callers.
    /// - Throws: what keeps the path from being examined; EAGAIN where 16 such questions of this process hang already.
    public static func answers(_ path: String, withinMilliseconds limit: CInt) throws(SystemError) -> Bool {
        // SAFETY: the path is NUL-terminated for the length of the call, which copies it.
        switch unsafe clinux_status_within(path, limit) {
        case 0, -ENOENT, -ENOTDIR: return true
        case -ETIMEDOUT: return false
        case let failure: throw SystemError("examine \(path)", Errno(rawValue: -failure))
        }
    }

    /// Gives a file the present time; makes an empty one where there is none.
    public static func touch(_ path: String) throws(SystemError) {
        let file = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT)
        // The clock's own reading: what the kernel would take for now advances by ticks only, and two uses in one tick
        // would have no order.
        var now = timespec()
        unsafe clock_gettime(CLOCK_REALTIME, &now)
        let times = [now, now]
        // SAFETY: futimens(3) reads two times, which the array holds.
        let result = unsafe times.withUnsafeBufferPointer { unsafe futimens(file.rawValue, $0.baseAddress) }
        try checked(negated(result), "set the time of \(path)")
    }

    /// Makes a directory that was not there.
    public static func makeDirectory(_ path: String, mode: UInt32 = 0o700) throws(SystemError) {
        try unsafe checked(negated(mkdir(path, mode)), "make the directory \(path)")
    }

    /// Makes a directory and those above it, as far as they are not there.
    public static func makeDirectories(_ path: FilePath, mode: UInt32 = 0o700) throws(SystemError) {
        do { try makeDirectory(path.string, mode: mode) } catch {
            switch error.errno {
            case .fileExists: return
            case .noSuchFileOrDirectory where path.components.count > 1:
                try makeDirectories(path.removingLastComponent(), mode: mode)
                do { try makeDirectory(path.string, mode: mode) } catch  where error.errno == .fileExists {}
            default: throw error
            }
        }
    }

    /// Removes a file of which there can be only one remover; whether this was it.
    public static func takeFile(_ path: String) throws(SystemError) -> Bool {
        if unsafe unlink(path) == 0 { return true }
        guard errno == ENOENT else { throw SystemError("remove \(path)", Errno(rawValue: errno)) }
        return false
    }

    /// Removes a file; nothing is wrong where there is none.
    public static func removeFile(_ path: String) throws(SystemError) {
        guard unsafe unlink(path) != 0, errno != ENOENT else { return }
        throw SystemError("remove \(path)", Errno(rawValue: errno))
    }

    /// Removes an empty directory; nothing is wrong where there is none.
    public static func removeDirectory(_ path: String) throws(SystemError) {
        guard unsafe rmdir(path) != 0, errno != ENOENT else { return }
        throw SystemError("remove the directory \(path)", Errno(rawValue: errno))
    }

    /// Gives a file or directory another name, replacing a file of that name.
    public static func rename(_ path: String, to newPath: String) throws(SystemError) {
        try unsafe checked(negated(Glibc.rename(path, newPath)), "rename \(path) to \(newPath)")
    }

    /// Gives a file or directory another name, which must be free: else EEXIST.
    public static func renameToFreeName(_ path: String, to newPath: String) throws(SystemError) {
        try unsafe checked(clinux_rename_to_free_name(path, newPath), "rename \(path) to \(newPath)")
    }

    /// The names in a directory, in no order; nil when there is no directory.
    public static func names(in path: String) throws(SystemError) -> [String]? {
        guard let stream = unsafe opendir(path) else {
            if errno == ENOENT { return nil }
            throw SystemError("list \(path)", Errno(rawValue: errno))
        }
        defer { unsafe closedir(stream) }
        var names: [String] = []
        while let entry = unsafe readdir(stream) {
            // SAFETY: readdir(3) gives an entry whose name is NUL-terminated and stays until the next call.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name.0) { unsafe String(cString: $0) }
            if name != "." && name != ".." { names.append(name) }
        }
        return names
    }

    /// A file's bytes, at most so many from its beginning; nil when there is no file.
    ///
    /// - Parameters:
    ///   - path: the file's.
    ///   - limit: in bytes.
    ///   - followsLink: where the last name is a link, what that leads to is read; else ELOOP.
    public static func contents(
        of path: String, atMost limit: Int, followsLink: Bool = true
    ) throws(SystemError) -> [UInt8]? {
        try openedIfThere(path, followsLink)?.readToEnd(atMost: limit)
    }

    private static func openedIfThere(_ path: String, _ followsLink: Bool) throws(SystemError) -> OwnedDescriptor? {
        do {
            return try OwnedDescriptor(opening: path, flags: O_RDONLY | (followsLink ? 0 : O_NOFOLLOW))
        } catch {
            if error.errno == .noSuchFileOrDirectory { return nil }
            throw error
        }
    }

    /// The last bytes of a file, which is no link; nil when there is no file.
    public static func tail(of path: String, atMost limit: Int) throws(SystemError) -> [UInt8]? {
        guard let file = try openedIfThere(path, false) else { return nil }
        let size = try file.sizeInBytes()
        if size > UInt64(limit) { lseek(file.rawValue, off_t(size) - off_t(limit), SEEK_SET) }
        return try file.readToEnd(atMost: limit)
    }

    /// Writes a word to a file that is there, such as a kernel's control file.
    public static func write(_ word: String, into path: String) throws(SystemError) {
        try OwnedDescriptor(opening: path, flags: O_WRONLY).write(all: Array(word.utf8))
    }

    /// Replaces a file's contents in one step: a reader sees the old or the new.
    public static func replace(_ path: String, with contents: [UInt8], mode: UInt32 = 0o600) throws(SystemError) {
        // One writer at a time is the caller's lock's business; the number keeps two processes without one apart.
        let fresh = "\(path).\(getpid())"
        do {
            try OwnedDescriptor(opening: fresh, flags: O_WRONLY | O_CREAT | O_TRUNC, mode: mode).write(all: contents)
            try rename(fresh, to: path)
        } catch {
            try? removeFile(fresh)
            throw error
        }
    }
}
