import Glibc
import LinuxSystem
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
    /// last one's place.
    func readFolder(_ request: inout Request, room: Int) throws(Errno) -> Reply {
        let folder = try file(try request.integer(), of: request.node)
        let place: UInt64 = try request.integer()
        let size: UInt32 = try request.integer()
        guard let descriptor = folder.descriptor else { return Reply() }
        let most = max(0, min(Int(size), room, Self.maxEntryBytes))
        let entries = try folder.listing.locked { () throws(Errno) in
            try calls.list(descriptor, from: place, room: most)
        }
        var reply = Reply(roomFor: most)
        var rest = entries[...]
        while let entry = FolderEntry(next: &rest), reply.count + entry.sizeInReply <= most {
            // The folder above a volume's root is none of the guest's business.
            let ownInode = entry.isAbove ? folder.inode : entry.inode
            reply.integer(inode(ownInode, on: folder.device))
            reply.integer(entry.nextPlace)
            reply.integer(UInt32(entry.name.count))
            reply.integer(UInt32(entry.type))
            reply.append(entry.name)
            reply.zeros(entry.sizeInReply - FolderEntry.headerSize - entry.name.count)
        }
        return reply
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
