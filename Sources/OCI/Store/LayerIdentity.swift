import LinuxSystem

/// What identifies an unpacked layer among all that ever were.
///
/// A snapshot of overlayfs is known by its directory: once committed it does not change, and its place is not used again.
/// One of containerd's erofs snapshotter is a file system that is mounted for a while, at a place that others have had,
/// and two of them may agree in every inode and time: there the file that is mounted is what counts, which is a
/// committed snapshot's in its turn.
enum LayerIdentity {
    private static let maxMountBytes = 16 << 20

    static func of(_ directory: Directory, at path: String) throws(OCIError) -> [UInt8] {
        let status = try Directory.status(of: directory.descriptor)
        guard FileSystem.isEROFS(directory.descriptor) else { return Array("\(path)\0".utf8) + status.identity }
        guard let file = try system({ () throws(SystemError) in try mountedFile(device: status.deviceNumber) }),
            let found = try Directory.status(ofPath: file), found.kind == .file
        else {
            throw .unsupported(
                what: "the EROFS file system at", value: path,
                expected: "one that is mounted from a file, which identifies it")
        }
        // The inode says which directory of it.
        return Array("erofs\0\(file)\0\(status.inode)\0".utf8) + found.identity
    }

    /// The file that an EROFS file system is mounted from, itself or by a loop device; nil where there is none.
    private static func mountedFile(device: String) throws(SystemError) -> String? {
        let mounts = try FileSystem.contents(of: "/proc/self/mountinfo", atMost: maxMountBytes) ?? []
        guard let source = source(of: device, in: String(decoding: mounts, as: UTF8.self)) else { return nil }
        guard source.hasPrefix("/dev/") else { return source.hasPrefix("/") ? source : nil }
        let path = "/sys/dev/block/\(device)/loop/backing_file"
        guard let line = try FileSystem.contents(of: path, atMost: 1 << 16) else { return nil }
        return String(decoding: line.prefix { $0 != 0x0A }, as: UTF8.self)
    }

    /// The source of the EROFS file system with this device in a list of mounts (proc_pid_mountinfo(5)).
    static func source(of device: String, in mounts: String) -> String? {
        for line in mounts.split(separator: "\n") {
            let fields = line.split(separator: " ")
            guard fields.count > 5, fields[2] == device, let end = fields.dropFirst(6).firstIndex(of: "-"),
                end + 2 < fields.count, fields[end + 1] == "erofs"
            else { continue }
            return plain(fields[end + 2])
        }
        return nil
    }

    /// Spaces, tabs, line ends and backslashes are three octal digits behind a backslash there.
    private static func plain(_ field: Substring) -> String {
        var bytes: [UInt8] = []
        var rest = Array(field.utf8)[...]
        while let byte = rest.popFirst() {
            let digits = String(decoding: rest.prefix(3), as: UTF8.self)
            if byte == UInt8(ascii: "\\"), digits.utf8.count == 3, let value = UInt8(digits, radix: 8) {
                bytes.append(value)
                rest = rest.dropFirst(3)
            } else {
                bytes.append(byte)
            }
        }
        return String(decoding: bytes, as: UTF8.self)
    }
}
