/// The types of files (inode(7)).
enum FileKind: UInt32, Sendable {
    case pipe = 0o010000
    case characterDevice = 0o020000
    case directory = 0o040000
    case blockDevice = 0o060000
    case regular = 0o100000
    case link = 0o120000
    case socket = 0o140000

    init?(mode: UInt32) { self.init(rawValue: mode & 0o170000) }

    /// What getdents64(2) and FUSE call it (DT_…).
    var entryType: UInt32 { rawValue >> 12 }
}

/// What the host's kernel says of a file.
struct FileStatus: Sendable {
    var device: UInt64
    var inode: UInt64
    var mode: UInt32
    var linkCount: UInt32 = 1
    var user: UInt32 = 0
    var group: UInt32 = 0
    /// What a device's file stands for, in the form that Linux has in 32 bits (new_encode_dev).
    var specialDevice: UInt32 = 0
    var sizeInBytes: UInt64 = 0
    var blockSize: UInt32 = 4096
    /// Of 512 bytes each.
    var blockCount: UInt64 = 0
    var accessed = Time()
    var modified = Time()
    var changed = Time()

    struct Time: Sendable {
        var seconds: Int64 = 0
        var nanoseconds: UInt32 = 0
    }

    var kind: FileKind? { FileKind(mode: mode) }
}

/// How full a file system is.
struct FileSystemStatus: Sendable {
    var blocks: UInt64 = 0
    var freeBlocks: UInt64 = 0
    var availableBlocks: UInt64 = 0
    var files: UInt64 = 0
    var freeFiles: UInt64 = 0
    var blockSize: UInt32 = 4096
    var fragmentSize: UInt32 = 4096
    var longestName = UInt32(FileName.maxBytes)
}
