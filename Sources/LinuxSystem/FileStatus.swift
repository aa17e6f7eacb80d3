public import Glibc

/// What stat(2) says of a file.
public struct FileStatus: Equatable, Sendable {
    public enum Kind: Equatable, Sendable { case file, directory, symbolicLink, other }

    public let device: UInt64
    public let inode: UInt64
    /// Type and permissions, as in `st_mode`.
    public let mode: UInt32
    public let uid: UInt32
    public let gid: UInt32
    public let sizeInBytes: UInt64
    /// What it takes on its medium; less than the size where it has holes.
    public let allocatedBytes: UInt64
    /// Of the last change of the content, in nanoseconds since 1970.
    public let modified: Int64
    /// Of the last change of content or metadata, in nanoseconds since 1970.
    public let changed: Int64
    public let links: UInt64
    /// The device that a device file stands for, as in `st_rdev`.
    public let specialDevice: UInt64

    public init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        mode = status.st_mode
        uid = status.st_uid
        gid = status.st_gid
        sizeInBytes = UInt64(max(0, status.st_size))
        allocatedBytes = UInt64(max(0, status.st_blocks)) * 512
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
        links = UInt64(status.st_nlink)
        specialDevice = UInt64(status.st_rdev)
    }

    public var kind: Kind {
        switch mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .symbolicLink
        default: .other
        }
    }

    public var isDirectory: Bool { kind == .directory }
    public var isRegular: Bool { kind == .file }

    public var specialDeviceMajor: UInt32 { Self.major(specialDevice) }
    public var specialDeviceMinor: UInt32 { Self.minor(specialDevice) }
    /// The device that it lies on, as the kernel writes it: `7:0`.
    public var deviceNumber: String { "\(Self.major(device)):\(Self.minor(device))" }

    // makedev(3)'s parts.
    private static func major(_ device: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: device >> 8 & 0xfff | device >> 32 & 0xffff_f000)
    }
    private static func minor(_ device: UInt64) -> UInt32 {
        UInt32(truncatingIfNeeded: device & 0xff | device >> 12 & 0xffff_ff00)
    }

    private static func nanoseconds(_ time: timespec) -> Int64 {
        Int64(time.tv_sec).multipliedReportingOverflow(by: 1_000_000_000).partialValue &+ Int64(time.tv_nsec)
    }
}
