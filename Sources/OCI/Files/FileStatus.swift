import CLinux
import Glibc

/// What stat(2) says about a file.
struct FileStatus: Equatable {
    enum Kind: Equatable { case file, directory, symbolicLink, other }

    let device: UInt64
    let inode: UInt64
    /// Type and permissions, as in `st_mode`.
    let mode: UInt32
    let uid: UInt32
    let gid: UInt32
    let sizeInBytes: UInt64
    /// Of the last change of the content, in nanoseconds since 1970.
    let modified: Int64
    /// Of the last change of content or metadata, in nanoseconds since 1970.
    let changed: Int64
    let links: UInt64
    /// The device that a device file stands for, as in `st_rdev`.
    let specialDevice: UInt64

    init(_ status: stat) {
        device = UInt64(status.st_dev)
        inode = UInt64(status.st_ino)
        mode = status.st_mode
        uid = status.st_uid
        gid = status.st_gid
        sizeInBytes = UInt64(max(0, status.st_size))
        modified = Self.nanoseconds(status.st_mtim)
        changed = Self.nanoseconds(status.st_ctim)
        links = UInt64(status.st_nlink)
        specialDevice = UInt64(status.st_rdev)
    }

    var kind: Kind {
        switch mode & S_IFMT {
        case S_IFREG: .file
        case S_IFDIR: .directory
        case S_IFLNK: .symbolicLink
        default: .other
        }
    }

    var specialDeviceMajor: UInt32 { Self.major(specialDevice) }
    var specialDeviceMinor: UInt32 { Self.minor(specialDevice) }
    /// The device that it lies on, as the kernel writes it: `7:0`.
    var deviceNumber: String { "\(Self.major(device)):\(Self.minor(device))" }

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
