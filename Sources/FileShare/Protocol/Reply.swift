import LinuxSystem
import SystemPackage

/// An answer: a header (fuse.h, struct fuse_out_header), then what the operation gives.
struct Reply {
    static let headerSize = 16

    /// The header's place, then the contents.
    private(set) var bytes = [UInt8](repeating: 0, count: headerSize)

    init(roomFor count: Int = 0) { bytes.reserveCapacity(Self.headerSize + count) }

    /// How many bytes of contents there are.
    var count: Int { bytes.count - Self.headerSize }

    mutating func integer<Value: FixedWidthInteger>(_ value: Value) { bytes.append(littleEndian: value) }

    mutating func append(_ more: some Collection<UInt8>) { bytes += more }
    mutating func zeros(_ count: Int) { bytes += repeatElement(0, count: count) }

    /// Lets a call fill the contents in place.
    mutating func fill(_ body: (inout [UInt8]) throws(Errno) -> Void) throws(Errno) { try body(&bytes) }

    /// The whole answer, with its header.
    func answering(_ unique: UInt64) -> [UInt8] {
        var whole = bytes
        Self.writeHeader(into: &whole, error: 0, unique)
        return whole
    }

    /// The answer that it could not be done.
    static func failure(_ error: Errno, _ unique: UInt64) -> [UInt8] {
        var whole = [UInt8](repeating: 0, count: headerSize)
        writeHeader(into: &whole, error: -error.rawValue, unique)
        return whole
    }

    private static func writeHeader(into bytes: inout [UInt8], error: CInt, _ unique: UInt64) {
        bytes.replace(at: 0, littleEndian: UInt32(bytes.count))
        bytes.replace(at: 4, littleEndian: error)
        bytes.replace(at: 8, littleEndian: unique)
    }
}

extension Reply {
    /// fuse.h, struct fuse_attr.
    mutating func attributes(_ status: FileStatus, inode: UInt64) {
        integer(inode)
        integer(status.sizeInBytes)
        integer(status.blockCount)
        let times = [status.accessed, status.modified, status.changed]
        for time in times { integer(UInt64(bitPattern: time.seconds)) }
        for time in times { integer(time.nanoseconds) }
        integer(status.mode)
        integer(status.linkCount)
        integer(status.user)
        integer(status.group)
        integer(status.specialDevice)
        integer(status.blockSize)
        integer(UInt32(0))
    }

    /// struct fuse_attr_out.
    mutating func attributesAlone(_ status: FileStatus, inode: UInt64, _ validity: Validity) {
        integer(validity.seconds)
        integer(validity.nanoseconds)
        zeros(4)
        attributes(status, inode: inode)
    }

    /// The size of struct fuse_entry_out.
    static let entrySize = 128

    /// struct fuse_entry_out.
    mutating func entry(
        _ node: UInt64, generation: UInt32, _ status: FileStatus, inode: UInt64, name: Validity, attributes: Validity
    ) {
        integer(node)
        integer(UInt64(generation))
        integer(name.seconds)
        integer(attributes.seconds)
        integer(name.nanoseconds)
        integer(attributes.nanoseconds)
        self.attributes(status, inode: inode)
    }

    /// struct fuse_statx_out.
    mutating func extendedStatus(_ status: FileStatus, born: FileStatus.Time?, inode: UInt64, _ validity: Validity) {
        integer(validity.seconds)
        integer(validity.nanoseconds)
        zeros(4 + 16)
        // STATX_BASIC_STATS, STATX_BTIME
        integer(UInt32(0x7FF | (born == nil ? 0 : 0x800)))
        integer(status.blockSize)
        zeros(8)
        for number in [status.linkCount, status.user, status.group] { integer(number) }
        integer(UInt16(truncatingIfNeeded: status.mode))
        zeros(2)
        for number in [inode, status.sizeInBytes, status.blockCount, 0] { integer(number) }
        for time in [status.accessed, born ?? FileStatus.Time(), status.changed, status.modified] {
            integer(UInt64(bitPattern: time.seconds))
            integer(time.nanoseconds)
            zeros(4)
        }
        // As new_decode_dev has it. The file system's own number is the guest's.
        let device = status.specialDevice
        integer((device & 0xF_FF00) >> 8)
        integer((device & 0xFF) | ((device >> 12) & 0xF_FF00))
        zeros(8 + 14 * 8)
    }

    /// FOPEN_KEEP_CACHE, FOPEN_CACHE_DIR, and FOPEN_NOFLUSH: nobody can write, so no lock is in anybody's way.
    private static let keepsCache: UInt32 = 2 | 8 | 32

    /// struct fuse_open_out. The guest's cache of a file, or of a directory's names, is emptied at each opening, but for
    /// what does not change.
    mutating func handle(_ handle: UInt64, isConstant: Bool) {
        integer(handle)
        integer(isConstant ? Self.keepsCache : 0)
        zeros(4)
    }
}
