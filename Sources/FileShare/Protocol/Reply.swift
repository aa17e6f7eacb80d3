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

    /// For how many seconds what is told holds. For none at all where others change the files too: config maps swap a
    /// link in one step, and what it led to goes away right after. For a day where nobody does.
    private static func validity(_ isConstant: Bool) -> UInt64 { isConstant ? 86_400 : 0 }

    /// struct fuse_attr_out.
    mutating func attributesAlone(_ status: FileStatus, inode: UInt64, isConstant: Bool) {
        integer(Self.validity(isConstant))
        zeros(8)
        attributes(status, inode: inode)
    }

    /// struct fuse_entry_out.
    mutating func entry(_ node: UInt64, generation: UInt32, _ status: FileStatus, inode: UInt64, isConstant: Bool) {
        integer(node)
        integer(UInt64(generation))
        // Of the name, and of the attributes.
        integer(Self.validity(isConstant))
        integer(Self.validity(isConstant))
        zeros(8)
        attributes(status, inode: inode)
    }

    /// FOPEN_KEEP_CACHE, FOPEN_CACHE_DIR
    private static let keepsCache: UInt32 = 2 | 8

    /// struct fuse_open_out. The guest's cache of a file, or of a folder's names, is emptied at each opening, but for
    /// what does not change.
    mutating func handle(_ handle: UInt64, isConstant: Bool) {
        integer(handle)
        integer(isConstant ? Self.keepsCache : 0)
        zeros(4)
    }
}
