import Glibc
import LinuxSystem
import SystemPackage

/// What the guest asks about locks of files. They are those of the host's kernel, so they hold for the host's programs and
/// for other VMs too. Nothing here waits for one: the guest's kernel does, and asks again (its patch says how).
struct LockOperations {
    private let server: FileServer
    private var calls: FileCalls { server.calls }

    init(of server: FileServer) { self.server = server }

    /// fuse.h, struct fuse_lk_in.
    private struct LockRequest {
        /// FUSE_LK_FLOCK
        private static let isWhole: UInt32 = 1

        let handle: UInt64
        let owner: UInt64
        let range: LockedRange
        let process: UInt32
        /// Of the whole open file (flock(2)) instead of a range of bytes for a process (fcntl(2)).
        let isWhole: Bool

        init(_ request: inout Request) throws(Errno) {
            handle = try request.integer()
            owner = try request.integer()
            let start: UInt64 = try request.integer()
            let end: UInt64 = try request.integer()
            let type: UInt32 = try request.integer()
            process = try request.integer()
            isWhole = try request.integer(UInt32.self) & Self.isWhole != 0
            guard let kind = LockKind(rawValue: type), let range = LockedRange(kind, from: start, through: end) else {
                throw .invalidArgument
            }
            self.range = range
        }
    }

    /// SETLK; SETLKW likewise, EAGAIN included: from a guest without the patch, which would wait for a thread.
    func set(_ request: inout Request) throws(Errno) -> Reply {
        let wanted = try LockRequest(&request)
        let handle = try server.file(wanted.handle, of: request.node)
        guard let descriptor = handle.descriptor, let volume = handle.volume else { throw .badFileDescriptor }
        if wanted.isWhole {
            try calls.lockWhole(descriptor, wanted.range.kind)
            return Reply()
        }
        let key = LockTable.Key(node: request.node, owner: wanted.owner)
        // With the lock held, so that what is noted is what the host's kernel has done.
        try server.lock.locked { () throws(Errno) in
            var owner = server.locks[key]
            if owner == nil {
                guard wanted.range.kind != .none else { return }
                guard server.isAttached(volume) else { throw .staleNFSFileHandle }
                let made = LockTable.Owner(volume, try openForLocks(descriptor, of: volume))
                try server.locks.enter(made, key)
                owner = made
            }
            guard let owner else { return }
            defer { if owner.ranges.isEmpty { _ = server.locks.remove(key) } }
            try server.locks.checkRoom(for: wanted.range, of: owner)
            try calls.setLock(wanted.range, of: owner.descriptor)
            server.locks.note(wanted.range, of: key, by: wanted.process, through: wanted.handle)
        }
        return Reply()
    }

    /// The file of a handle, open once more: for reading and writing where that can be, as a lock of each kind wants.
    private func openForLocks(_ file: OwnedDescriptor, of volume: Volume) throws(Errno) -> OwnedDescriptor {
        if !volume.isReadOnly, let open = try? calls.reopen(file, flags: O_RDWR) { return open }
        return try calls.reopen(file, flags: O_RDONLY)
    }

    /// GETLK (struct fuse_lk_out): a lock that is in the way. Its holder has a number if it is a process of this guest.
    func get(_ request: inout Request) throws(Errno) -> Reply {
        let wanted = try LockRequest(&request)
        guard let descriptor = try server.file(wanted.handle, of: request.node).descriptor else {
            throw .badFileDescriptor
        }
        let key = LockTable.Key(node: request.node, owner: wanted.owner)
        let own = server.lock.locked { server.locks[key] }
        let obstacle = try calls.obstacle(to: wanted.range, of: own?.descriptor ?? descriptor)
        let process = obstacle.flatMap { obstacle in
            server.lock.locked { server.locks.process(inTheWayOf: obstacle, of: key) }
        }
        var reply = Reply()
        reply.integer(obstacle?.start ?? wanted.range.start)
        reply.integer(obstacle?.end ?? wanted.range.end)
        reply.integer((obstacle?.kind ?? .none).rawValue)
        reply.integer(process ?? 0)
        return reply
    }

    /// FLUSH (struct fuse_flush_in): a process closes a file, and with it ends every lock that it has of the file. Data was
    /// written before, so there is nothing else to do.
    func flush(_ request: inout Request) throws(Errno) -> Reply {
        try request.skip(16)
        let owner: UInt64 = try request.integer()
        let node = request.node
        let ended = server.lock.locked { server.locks.remove(LockTable.Key(node: node, owner: owner)) }
        withExtendedLifetime(ended) {}
        return Reply()
    }
}
