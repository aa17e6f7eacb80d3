import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// What a file of a layer has besides its content.
struct FileAttributes {
    /// The permissions, with set-user-ID, set-group-ID and sticky bits.
    var mode: mode_t
    var uid: UInt32
    var gid: UInt32
    /// The time of the last change of the content.
    var modified: FileTime
    var extended: [ExtendedAttribute]
}

/// A time since 1970, as files have it.
struct FileTime {
    var seconds: Int
    var nanoseconds: Int

    static let zero = FileTime(seconds: 0, nanoseconds: 0)

    /// As utimensat(2) takes the times of access and change.
    fileprivate var pair: [timespec] {
        let time = timespec(tv_sec: seconds, tv_nsec: nanoseconds)
        return [time, time]
    }
}

struct ExtendedAttribute {
    /// NUL-terminated, as the archive spells it.
    var name: [CChar]
    var value: [UInt8]

    var text: String { String(decoding: name.dropLast().map { UInt8(bitPattern: $0) }, as: UTF8.self) }
}

extension FileAttributes {
    /// Leaves out what the overlay file system, which the image will lie under, takes for orders. Those of its other
    /// namespace, `user.overlay.`, which BuildKit writes, are attributes like others there.
    mutating func dropOrders() { extended.removeAll { $0.text.hasPrefix("trusted.overlay.") } }

    /// Gives them to an open file or directory. The order matters: a change of owner clears set-user-ID bits and
    /// capabilities, and every change but the last would disturb the time.
    func apply(to descriptor: OwnedDescriptor, path: FilePath) throws(OCIError) {
        let raw = descriptor.rawValue
        guard fchown(raw, uid, gid) == 0 else { throw failure("set the owner of", path) }
        guard fchmod(raw, mode) == 0 else { throw failure("set the mode of", path) }
        for attribute in extended {
            // SAFETY: the name is NUL-terminated; address and size of the value are the array's own.
            let result = unsafe clinux_set_attribute(raw, attribute.name, attribute.value, attribute.value.count)
            try check(result, attribute, path)
        }
        let times = modified.pair
        // SAFETY: futimens(2) reads two elements, which the array has.
        guard unsafe futimens(raw, times) == 0 else { throw failure("set the time of", path) }
    }

    /// Gives them to a link, a device or a fifo, which cannot be opened for it. A link has no mode.
    func apply(to name: FilePath.Component, in directory: Directory, isLink: Bool, path: FilePath) throws(OCIError) {
        let raw = directory.descriptor.rawValue
        let times = modified.pair
        // SAFETY: in all calls the name is a NUL-terminated string for the length of the call. fchmodat(2) would follow a
        // link, but is not called for one, and nobody else writes to the tree.
        try unsafe check("set the owner of", name, path) { unsafe fchownat(raw, $0, uid, gid, AT_SYMLINK_NOFOLLOW) }
        if !isLink { try unsafe check("set the mode of", name, path) { unsafe fchmodat(raw, $0, mode, 0) } }
        for attribute in extended {
            // There is no lsetxattrat(2); through /proc the directory is the open one, and the last name is not followed.
            let proc = FilePath("/proc/self/fd/\(raw)").appending(name)
            let result = unsafe proc.withPlatformString {
                unsafe clinux_set_link_attribute($0, attribute.name, attribute.value, attribute.value.count)
            }
            try check(result, attribute, path)
        }
        try unsafe check("set the time of", name, path) { unsafe utimensat(raw, $0, times, AT_SYMLINK_NOFOLLOW) }
    }

    /// What a file system has no place for is left out, as containerd does: any attribute (EOPNOTSUPP), and users' own of
    /// links, devices and fifos, which Linux gives none (EPERM; xattr(7)).
    private func check(_ result: CInt, _ attribute: ExtendedAttribute, _ path: FilePath) throws(OCIError) {
        if result >= 0 || result == -EOPNOTSUPP { return }
        if result == -EPERM, attribute.text.hasPrefix("user.") { return }
        throw failure("set the attribute \(quoted(attribute.text)) of", path, -result)
    }

    /// Sets the time of an open directory alone, when nothing more will be made in it.
    static func setTime(_ time: FileTime, of directory: Directory) throws(OCIError) {
        let times = time.pair
        // SAFETY: futimens(2) reads two elements, which the array has.
        guard unsafe futimens(directory.descriptor.rawValue, times) == 0 else {
            throw .system(SystemError("set a directory's time", Errno(rawValue: errno)))
        }
    }

    // SAFETY: the name is a NUL-terminated string for the length of the call.
    private func check(
        _ action: String, _ name: FilePath.Component, _ path: FilePath, _ call: (UnsafePointer<CChar>) -> CInt
    ) throws(OCIError) {
        guard unsafe name.withPlatformString({ unsafe call($0) }) == 0 else { throw failure(action, path) }
    }

    private func failure(_ action: String, _ path: FilePath, _ number: CInt = errno) -> OCIError {
        .system(SystemError("\(action) \(quoted(path.string))", Errno(rawValue: number)))
    }
}
