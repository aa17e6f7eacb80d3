import Glibc
import LinuxSystem
import SystemPackage

extension FileServer {
    func file(_ handle: UInt64, of node: UInt64) throws(Errno) -> Handle {
        try lock.locked { () throws(Errno) in try handles.handle(handle, of: node) }
    }

    /// The descriptor of an open file or directory.
    private func open(_ handle: UInt64, of node: UInt64) throws(Errno) -> OwnedDescriptor {
        guard let descriptor = try file(handle, of: node).descriptor else { throw .badFileDescriptor }
        return descriptor
    }

    // MARK: Opening

    /// What of a guest's open flags means something here. Not O_DIRECT, which would ask for aligned buffers: the
    /// guest's own cache is out of the way by itself.
    private static let servedFlags = O_ACCMODE | O_APPEND | O_TRUNC | O_SYNC | O_DSYNC
    /// FUSE_OPEN_KILL_SUIDGID
    private static let dropsPrivileges: UInt32 = 1

    /// OPEN (struct fuse_open_in, fuse_open_out). Pipes, sockets and devices are the guest's kernel's, never opened here.
    func open(_ request: inout Request) throws(Errno) -> Reply {
        let flags = CInt(bitPattern: try request.integer(UInt32.self)) & Self.servedFlags
        let openFlags: UInt32 = try request.integer()
        let target = try target(request.node)
        guard target.node.kind == .regular else { throw .invalidArgument }
        let descriptor = try reopen(target, flags: flags)
        if flags & O_TRUNC != 0, openFlags & Self.dropsPrivileges != 0 { try dropPrivileges(of: descriptor) }
        var reply = Reply()
        reply.handle(try enter(target, descriptor), isConstant: target.volume.isConstant)
        return reply
    }

    private func reopen(_ target: Target, flags: CInt) throws(Errno) -> OwnedDescriptor {
        if flags & O_ACCMODE != O_RDONLY || flags & O_TRUNC != 0 {
            guard !target.volume.isReadOnly else { throw .readOnlyFileSystem }
        }
        return try calls.reopen(target.descriptor, flags: flags)
    }

    func enter(_ target: Target, _ descriptor: OwnedDescriptor) throws(Errno) -> UInt64 {
        try lock.locked { () throws(Errno) in
            guard isAttached(target.volume) else { throw .staleNFSFileHandle }
            let handle = Handle(target.node, descriptor)
            let number = try handles.enter(handle)
            target.node.wasOpened(handle)
            return number
        }
    }

    /// CREATE (struct fuse_create_in): a new file, open at once, or one that somebody else has made meanwhile. TMPFILE: one
    /// that has no name, and may get one later (LINK).
    func create(_ request: inout Request, isNameless: Bool) throws(Errno) -> Reply {
        let wanted = CInt(bitPattern: try request.integer(UInt32.self))
        let mode: UInt32 = try request.integer()
        let mask: UInt32 = try request.integer()
        try request.skip(4)
        let directory = try writableDirectory(request.node)
        if isNameless { return try createNameless(request, in: directory, flags: wanted, mode: mode, mask: mask) }
        let name = try request.name()
        let flags = wanted & Self.servedFlags
        var descriptor: OwnedDescriptor?
        do throws(Errno) {
            descriptor = try creating(for: request, mask) { () throws(Errno) in
                try calls.create(name, in: directory.descriptor, flags: flags, mode: mode)
            }
        } catch {
            guard error == .fileExists, wanted & O_EXCL == 0 else { throw error }
        }
        let (file, open) = try openCreated(descriptor, name, in: directory, flags: flags)
        return try replyCreated(file, open, at: Node.Place(directory: directory.node, name: name))
    }

    private func createNameless(
        _ request: Request, in directory: Target, flags: CInt, mode: UInt32, mask: UInt32
    ) throws(Errno) -> Reply {
        // With O_EXCL it never gets a name.
        let open = try creating(for: request, mask) { () throws(Errno) in
            try calls.createNameless(in: directory.descriptor, flags: flags & (Self.servedFlags | O_EXCL), mode: mode)
        }
        return try replyCreated(
            try calls.reopenNode(open), open, at: Node.Place(directory: directory.node, name: nil))
    }

    private func replyCreated(
        _ file: OwnedDescriptor, _ open: OwnedDescriptor, at place: Node.Place
    ) throws(Errno) -> Reply {
        let entry = try enter(file, place.directory.volume, at: place)
        var reply = reply(entry)
        reply.handle(try enter(Target(node: entry.node, descriptor: file), open), isConstant: false)
        return reply
    }

    /// The file itself, and open for the guest. One that was there already is opened as OPEN would.
    private func openCreated(
        _ created: OwnedDescriptor?, _ name: FileName, in directory: Target, flags: CInt
    ) throws(Errno) -> (file: OwnedDescriptor, open: OwnedDescriptor) {
        if let created { return (try calls.reopenNode(created), created) }
        let file = try calls.node(name, in: directory.descriptor)
        guard try calls.status(of: file).kind == .regular else { throw .tooManySymbolicLinkLevels }
        return (file, try calls.reopen(file, flags: flags))
    }

    func release(_ request: inout Request) throws(Errno) -> Reply {
        let handle: UInt64 = try request.integer()
        // Closed when the lock is free again: the last close of a removed file may take its time.
        let closed = lock.locked {
            let open = handles.remove(handle, of: request.node)
            if let open { nodes[request.node]?.wasClosed(open) }
            return (open, locks.removeAll(of: request.node, through: handle))
        }
        withExtendedLifetime(closed) {}
        return Reply()
    }

    // MARK: Contents

    /// READ (struct fuse_read_in).
    func read(_ request: inout Request, room: Int) throws(Errno) -> Reply {
        let descriptor = try open(try request.integer(), of: request.node)
        let offset: UInt64 = try request.integer()
        let size: UInt32 = try request.integer()
        let count = max(0, min(Int(size), room, Self.maxData))
        var reply = Reply(roomFor: count)
        try reply.fill { bytes throws(Errno) in try calls.read(count, at: offset, of: descriptor, into: &bytes) }
        return reply
    }

    /// WRITE (struct fuse_write_in, fuse_write_out).
    func write(_ request: inout Request) throws(Errno) -> Reply {
        let descriptor = try open(try request.integer(), of: request.node)
        let offset: UInt64 = try request.integer()
        let size: UInt32 = try request.integer()
        let flags: UInt32 = try request.integer()
        try request.skip(16)
        let data = try request.bytes(Int(size))
        let written = try calls.write(data, at: offset, to: descriptor)
        // FUSE_WRITE_KILL_SUIDGID
        if flags & 4 != 0 { try dropPrivileges(of: descriptor) }
        var reply = Reply()
        reply.integer(UInt32(written))
        reply.zeros(4)
        return reply
    }

    /// FSYNC, FSYNCDIR (struct fuse_fsync_in).
    func synchronize(_ request: inout Request) throws(Errno) -> Reply {
        let descriptor = try open(try request.integer(), of: request.node)
        let flags: UInt32 = try request.integer()
        try calls.synchronize(descriptor, dataOnly: flags & 1 != 0)
        return Reply()
    }

    /// The most that one request copies: it holds a thread for as long.
    private static let maxCopied = 16 << 20

    /// COPY_FILE_RANGE (struct fuse_copy_file_range_in, fuse_write_out).
    func copy(_ request: inout Request) throws(Errno) -> Reply {
        let source = try open(try request.integer(), of: request.node)
        let offset: UInt64 = try request.integer()
        let (otherNode, otherHandle): (UInt64, UInt64) = (try request.integer(), try request.integer())
        let otherOffset: UInt64 = try request.integer()
        let count: UInt64 = try request.integer()
        let flags: UInt64 = try request.integer()
        guard flags == 0 else { throw .invalidArgument }
        let copied = try calls.copy(
            Int(min(count, UInt64(Self.maxCopied))), from: source, at: offset,
            to: try open(otherHandle, of: otherNode), at: otherOffset)
        var reply = Reply()
        reply.integer(UInt32(copied))
        reply.zeros(4)
        return reply
    }

    /// FALLOCATE (struct fuse_fallocate_in).
    func allocate(_ request: inout Request) throws(Errno) -> Reply {
        let handle: UInt64 = try request.integer()
        let offset: UInt64 = try request.integer()
        let length: UInt64 = try request.integer()
        let mode: UInt32 = try request.integer()
        // FALLOC_FL_KEEP_SIZE, PUNCH_HOLE, ZERO_RANGE: what fallocate(2) has for all file systems.
        guard mode & ~(1 | 2 | 16) == 0 else { throw .notSupported }
        try calls.allocate(try open(handle, of: request.node), mode: CInt(mode), at: offset, count: length)
        return Reply()
    }

    /// LSEEK (struct fuse_lseek_in): for data and holes; the guest counts the rest itself.
    func seek(_ request: inout Request) throws(Errno) -> Reply {
        let descriptor = try open(try request.integer(), of: request.node)
        let offset: UInt64 = try request.integer()
        let whence: UInt32 = try request.integer()
        // SEEK_DATA, SEEK_HOLE
        guard whence == 3 || whence == 4 else { throw .invalidArgument }
        var reply = Reply()
        reply.integer(try calls.seek(descriptor, to: offset, whence: CInt(whence)))
        return reply
    }
}
