import Glibc
import LinuxSystem
import Synchronization
import SystemPackage

extension FileServer {
    /// The most bytes of entries in one answer.
    private static let maxEntryBytes = 64 << 10

    /// OPENDIR (struct fuse_open_in, fuse_open_out).
    func openFolder(_ request: inout Request) throws(Errno) -> Reply {
        var reply = Reply()
        if request.node == Self.root {
            let handle = try lock.locked { () throws(Errno) in try handles.enter(Handle(emptyFolder: Self.root)) }
            reply.handle(handle, isConstant: false)
            return reply
        }
        let target = try target(request.node)
        guard target.node.kind == .folder else { throw .notDirectory }
        let descriptor = try calls.reopenFolder(target.descriptor)
        reply.handle(try enter(target, descriptor), isConstant: target.volume.isConstant)
        return reply
    }

    /// READDIR (struct fuse_read_in, fuse_dirent): as many whole entries as there is room for. What is left begins at the
    /// last one's place. READDIRPLUS (fuse_direntplus): each with what LOOKUP would tell of it.
    func readFolder(_ request: inout Request, room: Int, withStatus: Bool) throws(Errno) -> Reply {
        let folder = try file(try request.integer(), of: request.node)
        let place: UInt64 = try request.integer()
        let size: UInt32 = try request.integer()
        guard let descriptor = folder.descriptor else { return Reply() }
        let most = max(0, min(Int(size), room, Self.maxEntryBytes))
        let target = withStatus ? try target(request.node) : nil
        return try folder.listing.withLock { listing throws(Errno) in
            var rest = try listing.entries(from: place, of: descriptor, by: calls)
            var reply = Reply(roomFor: most)
            let mark = inode(0, on: folder.device)
            let status = target == nil ? 0 : Reply.entrySize
            while let entry = FolderEntry(next: &rest), reply.count + status + entry.sizeInReply <= most {
                if let target { appendStatus(of: entry, in: target, to: &reply) }
                // The folder above a volume's root is none of the guest's business.
                reply.integer(mark ^ (entry.isAbove ? folder.inode : entry.inode))
                reply.integer(entry.nextPlace)
                reply.integer(UInt32(entry.name.count))
                reply.integer(UInt32(entry.type))
                reply.append(entry.name)
                reply.zeros(entry.sizeInReply - FolderEntry.headerSize - entry.name.count)
            }
            return reply
        }
    }

    /// What LOOKUP would tell, or zeros: of names that are gone, and of those that the guest would not keep for long
    /// enough to use.
    private func appendStatus(of entry: FolderEntry, in folder: Target, to reply: inout Reply) {
        let kind = FileKind(mode: UInt32(entry.type) << 12)
        guard folder.volume.validityOfName(of: kind) != .none, let name = try? FileName(entry.name),
            let descriptor = try? calls.node(name, in: folder.descriptor),
            let found = try? enter(descriptor, folder.volume, at: Node.Place(folder: folder.node, name: name))
        else { return reply.zeros(Reply.entrySize) }
        append(found, to: &reply)
    }
}

/// An entry of getdents64(2): struct linux_dirent64.
struct FolderEntry {
    /// That of struct fuse_dirent.
    static let headerSize = 24

    let inode: UInt64
    let nextPlace: UInt64
    let type: UInt8
    let name: ArraySlice<UInt8>

    /// Takes the first of the entries that are left; nil where there is none.
    init?(next entries: inout ArraySlice<UInt8>) {
        let fixed = 19
        guard entries.count > fixed else { return nil }
        let start = entries.startIndex
        func integer(at place: Int, _ size: Int) -> UInt64 {
            (0..<size).reduce(0) { $0 | UInt64(entries[start + place + $1]) << UInt64(8 * $1) }
        }
        let length = Int(integer(at: 16, 2))
        guard length > fixed, length <= entries.count else { return nil }
        inode = integer(at: 0, 8)
        nextPlace = integer(at: 8, 8)
        type = entries[start + 18]
        name = entries[(start + fixed)..<(start + length)].prefix { $0 != 0 }
        entries = entries.dropFirst(length)
    }

    var isAbove: Bool { name.elementsEqual("..".utf8) }

    /// Entries are padded to 8 bytes.
    var sizeInReply: Int { (Self.headerSize + name.count + 7) & ~7 }
}
