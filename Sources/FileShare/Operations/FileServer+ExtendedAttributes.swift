import CLinux
import Glibc
import LinuxSystem
import SystemPackage

/// What extended attributes mean to this server; all that is not here is not shown and cannot be set.
private enum AttributeName {
    /// `user.*`: the files' own.
    case user
    /// `security.capability`: what a program may do, as set-id bits say whose it runs.
    case capability
    /// `system.posix_acl_access`, `…_default`: the kernel's, on both sides.
    case accessControlList

    // Not `trusted.*`, which host tools believe only the administrator to have written (overlay's whiteouts and opaque
    // directories among them) and which takes CAP_SYS_ADMIN there; nor other `security.*`, the host's own labels (SELinux,
    // AppArmor, Smack, IMA); nor other `system.*`, which are file systems' own.
    init?(_ characters: [CChar]) {
        let name = String(decoding: characters.prefix { $0 != 0 }.map { UInt8(bitPattern: $0) }, as: UTF8.self)
        switch name {
        case "security.capability": self = .capability
        case "system.posix_acl_access", "system.posix_acl_default": self = .accessControlList
        case _ where name.hasPrefix("user.") && name.utf8.count > 5: self = .user
        default: return nil
        }
    }
}

/// Extended attributes, of regular files and directories: the host has none on others but access control lists, which
/// are not served there.
extension FileServer {
    /// XATTR_SIZE_MAX, XATTR_LIST_MAX.
    private static let maxBytes = 64 << 10

    /// GETXATTR (struct fuse_getxattr_in, fuse_getxattr_out).
    func getExtendedAttribute(_ request: inout Request, room: Int) throws(Errno) -> Reply {
        let size: UInt32 = try request.integer()
        try request.skip(4)
        let characters = try request.characters(atMost: FileName.maxBytes)
        guard let name = AttributeName(characters) else { throw .notSupported }
        // A user who passes through the root of all is checked for by its list first.
        guard request.node != Self.root else { throw .noData }
        let target = try target(request.node)
        guard target.hasExtendedAttributes else { throw .noData }
        let value: [UInt8]
        do throws(Errno) {
            value = try calls.attribute(characters, of: try opened(target), room: Self.maxBytes)
        } catch {
            // The guest asks for lists whenever it checks permissions, and takes this error for its own.
            throw name == .accessControlList && error == .notSupported ? .noData : error
        }
        return try sized(value, size, room)
    }

    /// LISTXATTR (struct fuse_getxattr_in, fuse_getxattr_out).
    func listExtendedAttributes(_ request: inout Request, room: Int) throws(Errno) -> Reply {
        let size: UInt32 = try request.integer()
        let target = try target(request.node)
        guard target.hasExtendedAttributes else { return try sized([], size, room) }
        var shown: [UInt8] = []
        for name in try calls.attributeNames(of: try opened(target), room: Self.maxBytes).split(separator: 0)
        where AttributeName(name.map { CChar(bitPattern: $0) }) != nil {
            shown += name + [0]
        }
        return try sized(shown, size, room)
    }

    /// Asked without room, the answer is how much there is.
    private func sized(_ value: [UInt8], _ size: UInt32, _ room: Int) throws(Errno) -> Reply {
        var reply = Reply(roomFor: value.count)
        if size == 0 {
            reply.integer(UInt32(value.count))
            reply.zeros(4)
            return reply
        }
        guard value.count <= min(Int(size), room) else { throw .outOfRange }
        reply.append(value)
        return reply
    }

    /// SETXATTR (struct fuse_setxattr_in: in its short form, or in its long one with flags of ours).
    func setExtendedAttribute(_ request: inout Request) throws(Errno) -> Reply {
        let size: UInt32 = try request.integer()
        let flags: UInt32 = try request.integer()
        var dropsGroup = false
        if isLongForm(request, size) {
            // FUSE_SETXATTR_ACL_KILL_SGID
            dropsGroup = try request.integer(UInt32.self) & 1 != 0
            try request.skip(4)
        }
        let characters = try request.characters(atMost: FileName.maxBytes)
        guard let name = AttributeName(characters) else { throw .notSupported }
        // XATTR_CREATE, XATTR_REPLACE
        guard size <= UInt32(Self.maxBytes), flags & ~3 == 0 else { throw .invalidArgument }
        let value = try request.bytes(Int(size))
        let target = try changeable(request.node, name)
        let file = try opened(target)
        try calls.setAttribute(characters, of: file, to: value, flags: CInt(flags))
        if dropsGroup {
            let mode = try calls.status(of: file).mode
            if mode & 0o2000 != 0 { try calls.changeMode(of: file, to: mode & ~0o2000) }
        }
        return Reply()
    }

    /// Recognised by the length: the short form's name begins where the long one has flags, whose last byte is zero, so
    /// that what would be a name is never followed by just the value.
    private func isLongForm(_ request: Request, _ size: UInt32) -> Bool {
        var short = request
        guard let name = try? short.text(atMost: 8), name.count < 8 else { return false }
        return name.count < 2 && short.remaining != Int(size)
    }

    func removeExtendedAttribute(_ request: inout Request) throws(Errno) -> Reply {
        let characters = try request.characters(atMost: FileName.maxBytes)
        guard let name = AttributeName(characters) else { throw .notSupported }
        let target = try changeable(request.node, name)
        try calls.removeAttribute(characters, of: try opened(target))
        return Reply()
    }

    private func changeable(_ node: UInt64, _ name: AttributeName) throws(Errno) -> Target {
        let target = try writableTarget(node)
        guard target.hasExtendedAttributes else { throw name == .user ? .notPermitted : .notSupported }
        return target
    }

    /// Only a file that is really open has attributes, and only these can be opened without a consequence.
    private func opened(_ target: Target) throws(Errno) -> OwnedDescriptor {
        try calls.reopen(target.descriptor, flags: O_RDONLY)
    }
}

extension Target {
    fileprivate var hasExtendedAttributes: Bool { node.kind == .regular || node.kind == .directory }
}

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
