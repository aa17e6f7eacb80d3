import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// A name in a directory and what lies there.
struct DirectoryEntry {
    let status: FileStatus
    /// Name, NUL and every number of the status that changes whenever the file does: as one array, because this is what
    /// a start spends its time on when the image is a directory.
    let identity: [UInt8]

    /// The name, out of the identity.
    var name: FilePath.Component {
        // SAFETY: the identity holds the name's NUL; readdir(3) gave the name, so it is not empty.
        unsafe identity.withUnsafeBytes { bytes in
            let text = unsafe bytes.assumingMemoryBound(to: CChar.self).baseAddress
            return unsafe text.flatMap { unsafe FilePath.Component(platformString: $0) } ?? "."
        }
    }
}

extension Directory {
    /// Every entry with its status, in no order.
    func listing() throws(OCIError) -> [DirectoryEntry] {
        let stream = try unsafe openStream()
        defer { unsafe closedir(stream) }
        var entries: [DirectoryEntry] = []
        var status = stat()
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else { break }
            // SAFETY: readdir(3) returns an entry whose name is NUL-terminated and stays until the next call; `length`
            // is what strlen(3) found, and the NUL is there behind it.
            try unsafe withUnsafePointer(to: &entry.pointee.d_name.0) { name throws(OCIError) in
                let length = unsafe strlen(name)
                if unsafe name[0] == 0x2e && (length == 1 || (length == 2 && name[1] == 0x2e)) { return }
                guard unsafe fstatat(descriptor.rawValue, name, &status, AT_SYMLINK_NOFOLLOW) == 0 else {
                    throw .system(
                        SystemError("examine \(unsafe quoted(String(cString: name)))", Errno(rawValue: errno)))
                }
                let found = FileStatus(status)
                var identity: [UInt8] = []
                identity.reserveCapacity(length + 1 + FileStatus.identitySize)
                unsafe identity.append(contentsOf: UnsafeRawBufferPointer(start: name, count: length + 1))
                found.appendIdentity(to: &identity)
                entries.append(DirectoryEntry(status: found, identity: identity))
            }
        }
        guard errno == 0 else { throw .system(SystemError("list a directory", Errno(rawValue: errno))) }
        return entries
    }

    /// The names in the directory, without `.` and `..`, in no order.
    func names() throws(OCIError) -> [FilePath.Component] {
        let stream = try unsafe openStream()
        defer { unsafe closedir(stream) }
        var names: [FilePath.Component] = []
        while true {
            errno = 0
            guard let entry = unsafe readdir(stream) else { break }
            // SAFETY: readdir(3) returns an entry whose name is NUL-terminated and stays until the next call.
            let name = unsafe withUnsafePointer(to: &entry.pointee.d_name.0) {
                unsafe FilePath.Component(platformString: $0)
            }
            if let name, name.kind == .regular { names.append(name) }
        }
        guard errno == 0 else { throw .system(SystemError("list a directory", Errno(rawValue: errno))) }
        return names
    }

    /// A stream owns its descriptor and moves its position, so it gets one of its own.
    private func openStream() throws(OCIError) -> OpaquePointer {
        // SAFETY: the path is a literal.
        let own = unsafe openat(descriptor.rawValue, ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC, 0)
        guard own >= 0 else { throw .system(SystemError("list a directory", Errno(rawValue: errno))) }
        guard let stream = unsafe fdopendir(own) else {
            let error = OCIError.system(SystemError("list a directory", Errno(rawValue: errno)))
            close(own)
            throw error
        }
        return unsafe stream
    }
}

extension FileStatus {
    static let identitySize = 7 * 8

    /// The numbers that change whenever the file does, as bytes.
    var identity: [UInt8] {
        var bytes: [UInt8] = []
        appendIdentity(to: &bytes)
        return bytes
    }

    func appendIdentity(to bytes: inout [UInt8]) {
        let numbers = (
            device, inode, UInt64(mode), UInt64(uid) << 32 | UInt64(gid), sizeInBytes, UInt64(bitPattern: modified),
            UInt64(bitPattern: changed)
        )
        // SAFETY: seven integers of eight bytes, without padding.
        unsafe withUnsafeBytes(of: numbers) { unsafe bytes.append(contentsOf: $0) }
    }
}
