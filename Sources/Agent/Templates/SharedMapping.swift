/// Memory that a template shares with other processes that map the same file: in a copy it is another file's.
struct SharedMapping {
    enum File {
        /// A file of the container's own, which a copy has of its own.
        case path(String)
        /// Memory without a name (MAP_SHARED | MAP_ANONYMOUS, memfd_create): its contents are copied. Mappings
        /// of the same memory have the same inode.
        case memory(Descriptor, inode: UInt64, size: UInt64)
    }

    /// What a copy maps instead.
    struct Replacement {
        let mapping: SharedMapping
        let file: Int32
    }

    let start: UInt64
    let length: UInt64
    /// In the file.
    let offset: UInt64
    /// PROT_… bits.
    let protection: UInt32
    let file: File
}

/// A line of /proc/PID/maps: "START-END PERM OFFSET MAJOR:MINOR INODE   PATH".
struct MapsLine {
    let start: UInt64
    let end: UInt64
    let offset: UInt64
    let inode: UInt64
    let protection: UInt32
    let isShared: Bool
    let path: ArraySlice<UInt8>

    init?(_ line: ArraySlice<UInt8>) {
        let (start, first) = TextFile.hexadecimal(in: line)
        let (end, second) = TextFile.hexadecimal(in: first.dropFirst())
        let permissions = second.dropFirst().prefix(4)
        guard permissions.count == 4, end > start else { return nil }
        let letters = [UInt8](permissions)
        self.start = start
        self.end = end
        protection =
            (letters[0] == UInt8(ascii: "r") ? 1 : 0) | (letters[1] == UInt8(ascii: "w") ? 2 : 0)
            | (letters[2] == UInt8(ascii: "x") ? 4 : 0)
        isShared = letters[3] == UInt8(ascii: "s")
        let (offset, third) = TextFile.hexadecimal(in: second.dropFirst(6))
        self.offset = offset
        // The device, then the inode.
        let device = third.dropFirst().drop { $0 != 0x20 }
        inode = TextFile.number(in: device)
        path = device.dropFirst().drop { $0 != 0x20 }.drop { $0 == 0x20 }
    }
}
