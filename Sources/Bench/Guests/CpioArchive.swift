/// A cpio archive in the "newc" form (Documentation/driver-api/early-userspace/buffer-format.rst), which the kernel
/// unpacks as its first root.
public struct CpioArchive {
    private var bytes: [UInt8] = []
    private var nextInode: UInt32 = 1

    public init() {}

    public mutating func directory(_ name: String) { entry(name, mode: 0o040755, contents: []) }

    public mutating func file(_ name: String, executable: Bool = false, _ contents: [UInt8]) {
        entry(name, mode: executable ? 0o100755 : 0o100644, contents: contents)
    }

    public mutating func link(_ name: String, to target: String) {
        entry(name, mode: 0o120777, contents: Array(target.utf8))
    }

    public mutating func characterDevice(_ name: String, major: UInt32, minor: UInt32) {
        entry(name, mode: 0o020600, contents: [], device: (major, minor))
    }

    /// The whole archive.
    public func finished() -> [UInt8] {
        var copy = self
        copy.entry("TRAILER!!!", mode: 0, contents: [])
        return copy.bytes
    }

    private mutating func entry(
        _ name: String, mode: UInt32, contents: [UInt8], device: (major: UInt32, minor: UInt32) = (0, 0)
    ) {
        let fields: [UInt32] = [
            nextInode, mode, 0, 0, 1, 0, UInt32(contents.count), 0, 0, device.major, device.minor,
            UInt32(name.utf8.count + 1), 0,
        ]
        nextInode += 1
        bytes += Array("070701".utf8)
        for field in fields {
            let digits = String(field, radix: 16)
            bytes += Array((String(repeating: "0", count: 8 - digits.count) + digits).utf8)
        }
        bytes += Array(name.utf8) + [0]
        pad()
        bytes += contents
        pad()
    }

    private mutating func pad() { while bytes.count % 4 != 0 { bytes.append(0) } }
}
