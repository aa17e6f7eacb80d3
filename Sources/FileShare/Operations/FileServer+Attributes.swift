import Glibc
import LinuxSystem
import SystemPackage

/// fuse.h, FATTR_… bits.
private struct AttributeSet: OptionSet {
    let rawValue: UInt32
    static let mode = AttributeSet(rawValue: 1 << 0)
    static let user = AttributeSet(rawValue: 1 << 1)
    static let group = AttributeSet(rawValue: 1 << 2)
    static let size = AttributeSet(rawValue: 1 << 3)
    static let accessed = AttributeSet(rawValue: 1 << 4)
    static let modified = AttributeSet(rawValue: 1 << 5)
    static let handle = AttributeSet(rawValue: 1 << 6)
    static let accessedNow = AttributeSet(rawValue: 1 << 7)
    static let modifiedNow = AttributeSet(rawValue: 1 << 8)
    static let dropPrivileges = AttributeSet(rawValue: 1 << 11)
}

extension FileServer {
    /// GETATTR (struct fuse_getattr_in, fuse_attr_out).
    func getAttributes(_ request: inout Request) throws(Errno) -> Reply {
        let flags: UInt32 = try request.integer()
        try request.skip(4)
        let handle: UInt64 = try request.integer()
        if request.node == Self.root { return attributes(Self.rootStatus, of: nil) }
        if flags & 1 != 0 {
            let file = try file(handle, of: request.node)
            if let open = file.descriptor { return attributes(try calls.status(of: open), of: file.volume) }
        }
        let target = try target(request.node)
        return attributes(try calls.status(of: target.descriptor), of: target.volume)
    }

    private func attributes(_ status: FileStatus, of volume: Volume?) -> Reply {
        var reply = Reply(roomFor: 104)
        reply.attributesAlone(
            status, inode: inode(status.inode, on: status.device), volume?.validity(of: status.kind) ?? .none)
        return reply
    }

    /// STATX (struct fuse_statx_in, fuse_statx_out): what GETATTR answers, and when the file was made.
    func extendedStatus(_ request: inout Request) throws(Errno) -> Reply {
        let flags: UInt32 = try request.integer()
        try request.skip(4)
        let handle: UInt64 = try request.integer()
        var reply = Reply(roomFor: 288)
        if request.node == Self.root {
            reply.extendedStatus(Self.rootStatus, born: nil, inode: Self.root, .none)
            return reply
        }
        let target = try target(request.node)
        let open = flags & 1 != 0 ? try file(handle, of: request.node).descriptor : nil
        let status = try calls.status(of: open ?? target.descriptor)
        reply.extendedStatus(
            status, born: calls.birth(of: open ?? target.descriptor), inode: inode(status.inode, on: status.device),
            target.volume.validity(of: status.kind))
        return reply
    }

    /// The root of all: a directory that can be passed through.
    private static let rootStatus = FileStatus(
        device: 0, inode: root, mode: FileKind.directory.rawValue | 0o511, linkCount: 2)

    /// SETATTR (struct fuse_setattr_in).
    func setAttributes(_ request: inout Request) throws(Errno) -> Reply {
        let wanted = AttributeSet(rawValue: try request.integer())
        try request.skip(4)
        let handle: UInt64 = try request.integer()
        let size: UInt64 = try request.integer()
        try request.skip(8)
        let seconds: [UInt64] = [try request.integer(), try request.integer(), try request.integer()]
        let nanoseconds: [UInt32] = [try request.integer(), try request.integer(), try request.integer()]
        let mode: UInt32 = try request.integer()
        try request.skip(4)
        let user: UInt32 = try request.integer()
        let group: UInt32 = try request.integer()

        let target = try writableTarget(request.node)
        let open = wanted.contains(.handle) ? try file(handle, of: request.node).descriptor : nil
        if wanted.contains(.mode) { try calls.changeMode(of: target.descriptor, to: mode) }
        if !wanted.isDisjoint(with: [.user, .group]) {
            try calls.changeOwner(
                of: target.descriptor, user: wanted.contains(.user) ? user : nil,
                group: wanted.contains(.group) ? group : nil)
        }
        if wanted.contains(.size) { try truncate(target, open, to: size) }
        if wanted.contains(.dropPrivileges) { try dropPrivileges(of: target.descriptor) }
        if !wanted.isDisjoint(with: [.accessed, .modified, .accessedNow, .modifiedNow]) {
            try calls.changeTimes(
                of: target.descriptor,
                accessed: time(wanted, .accessed, .accessedNow, seconds[0], nanoseconds[0]),
                modified: time(wanted, .modified, .modifiedNow, seconds[1], nanoseconds[1]))
        }
        return attributes(try calls.status(of: target.descriptor), of: target.volume)
    }

    private func time(
        _ wanted: AttributeSet, _ set: AttributeSet, _ now: AttributeSet, _ seconds: UInt64, _ nanoseconds: UInt32
    ) -> FileCalls.NewTime {
        if wanted.contains(now) { return .now }
        guard wanted.contains(set) else { return .unchanged }
        return .at(FileStatus.Time(seconds: Int64(bitPattern: seconds), nanoseconds: nanoseconds))
    }

    private func truncate(_ target: Target, _ open: OwnedDescriptor?, to size: UInt64) throws(Errno) {
        guard target.node.kind == .regular else { throw .invalidArgument }
        let file = if let open { open } else { try calls.reopen(target.descriptor, flags: O_WRONLY) }
        try calls.truncate(file, to: size)
    }

    /// A user who may not make set-id files takes the bits away by writing (inode.c, should_remove_suid); this process
    /// may, so the host's kernel leaves them.
    func dropPrivileges(of file: OwnedDescriptor) throws(Errno) {
        let status = try calls.status(of: file)
        var bits: UInt32 = 0o4000
        if status.mode & 0o010 != 0 { bits |= 0o2000 }
        guard status.kind == .regular, status.mode & bits != 0 else { return }
        try calls.changeMode(of: file, to: status.mode & ~bits)
    }

    func readLink(_ request: inout Request) throws(Errno) -> Reply {
        let target = try target(request.node)
        guard target.node.kind == .link else { throw .invalidArgument }
        var reply = Reply()
        reply.append(try calls.target(ofLink: target.descriptor))
        return reply
    }

    /// STATFS (struct fuse_statfs_out).
    func fileSystemStatus(_ request: inout Request) throws(Errno) -> Reply {
        let status =
            request.node == Self.root
            ? FileSystemStatus() : try calls.fileSystemStatus(of: try target(request.node).descriptor)
        var reply = Reply()
        for count in [status.blocks, status.freeBlocks, status.availableBlocks, status.files, status.freeFiles] {
            reply.integer(count)
        }
        for size in [status.blockSize, status.longestName, status.fragmentSize] { reply.integer(size) }
        reply.zeros(28)
        return reply
    }
}
