import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// Flags of files that chattr(1) and lsattr(1) know: the only requests of ioctl(2) that are served. Each is known by its
/// number, and carries no address.
extension FileServer {
    /// linux/fs.h, FS_…_FL: those that a file's owner may change on any file system, and that mean something for the file
    /// alone: compression, synchronous changes, no dumps, no times of access, no copy on write and the like. Not what
    /// makes a file immutable or append-only, which would hold the host's own programs off too, nor what its file system
    /// has for itself (encryption, verity, project quotas, names without case).
    private static let changeableFlags: UInt32 =
        0x0000_0001 | 0x0000_0002 | 0x0000_0004 | 0x0000_0008 | 0x0000_0040 | 0x0000_0080 | 0x0000_0400 | 0x0000_8000
        | 0x0001_0000 | 0x0002_0000 | 0x0080_0000

    /// IOCTL (struct fuse_ioctl_in, fuse_ioctl_out).
    func control(_ request: inout Request, room: Int) throws(Errno) -> Reply {
        let handle: UInt64 = try request.integer()
        try request.skip(4)
        let command = UInt64(try request.integer(UInt32.self))
        try request.skip(8)
        let (inSize, outSize) = (try request.integer(UInt32.self), try request.integer(UInt32.self))
        let file = try file(handle, of: request.node)
        guard let descriptor = file.descriptor else { throw .inappropriateIOCTLForDevice }
        var reply = Reply(roomFor: 48)
        // The result, flags, and two counts of what else would be wanted.
        reply.zeros(16)
        switch (command, inSize, outSize) {
        case (CLINUX_FS_IOC_GETFLAGS, _, 4): reply.integer(try calls.flags(of: descriptor))
        case (CLINUX_FS_IOC_FSGETXATTR, _, CLINUX_EXTENDED_FLAGS_SIZE):
            reply.append(try calls.extendedFlags(of: descriptor))
        case (CLINUX_FS_IOC_SETFLAGS, 4, _):
            guard file.volume?.isReadOnly == false else { throw .readOnlyFileSystem }
            let wanted: UInt32 = try request.integer()
            let changed = wanted ^ (try calls.flags(of: descriptor))
            guard changed & ~Self.changeableFlags == 0 else { throw .notPermitted }
            if changed != 0 { try calls.setFlags(wanted, of: descriptor) }
        default: throw .inappropriateIOCTLForDevice
        }
        return reply
    }
}
