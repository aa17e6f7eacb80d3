import CLinux
import Glibc
import LinuxSystem
import SystemPackage

extension FileAttributes {
    /// The most bytes of all names, and of one value, of extended attributes (XATTR_LIST_MAX, XATTR_SIZE_MAX).
    private static let maxAttributeBytes = 64 << 10

    /// What an entry of a directory has, without its extended attributes.
    init(_ status: FileStatus) {
        self.init(
            mode: status.mode & 0o7777, uid: status.uid, gid: status.gid,
            modified: FileTime(
                seconds: Int(status.modified / 1_000_000_000), nanoseconds: Int(status.modified % 1_000_000_000)),
            extended: [])
    }

    /// What an open file or directory has. Attributes that are the overlay file system's own are left out.
    init(of descriptor: OwnedDescriptor) throws(OCIError) {
        self.init(try Directory.status(of: descriptor))
        for name in try Self.attributeNames(of: descriptor) {
            let attribute = ExtendedAttribute(name: name, value: try Self.value(of: name, descriptor) ?? [])
            extended.append(attribute)
        }
        dropOrders()
    }

    private static func attributeNames(of descriptor: OwnedDescriptor) throws(OCIError) -> [[CChar]] {
        var names = [CChar](repeating: 0, count: maxAttributeBytes)
        // SAFETY: the array's own address and count.
        let length = unsafe clinux_list_attributes(descriptor.rawValue, &names, names.count)
        if length == -Int(EOPNOTSUPP) { return [] }
        guard length >= 0 else {
            throw .system(SystemError("list a file's attributes", Errno(rawValue: CInt(-length))))
        }
        return names.prefix(length).split(separator: 0).map { Array($0) + [0] }
    }

    /// nil where there is none of this name, which is NUL-terminated.
    static func value(of name: [CChar], _ descriptor: OwnedDescriptor) throws(OCIError) -> [UInt8]? {
        var value = [UInt8](repeating: 0, count: maxAttributeBytes)
        // SAFETY: the name ends with NUL; the value's address and count are the array's own.
        let length = unsafe clinux_get_attribute(descriptor.rawValue, name, &value, value.count)
        if length == -Int(ENODATA) || length == -Int(EOPNOTSUPP) { return nil }
        guard length >= 0 else {
            throw .system(SystemError("read a file's attribute", Errno(rawValue: CInt(-length))))
        }
        return Array(value.prefix(length))
    }
}

/// Copies a file's content into another, from where both stand.
func copyContent(from source: OwnedDescriptor, to target: OwnedDescriptor) throws(OCIError) {
    let result = clinux_copy_file(source.rawValue, target.rawValue)
    guard result == 0 else { throw .system(SystemError("copy a file", Errno(rawValue: -result))) }
}
