import Glibc
import LinuxSystem
import Synchronization
import SystemPackage

/// A node that a request names, with a descriptor of its file.
struct Target {
    let node: Node
    let descriptor: OwnedDescriptor

    var volume: Volume { node.volume }
}

extension FileServer {
    /// - Throws: ESTALE for what the guest cannot know (any more), EROFS for the root of all.
    func target(_ id: UInt64) throws(Errno) -> Target {
        guard id != Self.root else { throw .readOnlyFileSystem }
        return try lock.locked { () throws(Errno) in
            guard let node = nodes[id] else { throw .staleNFSFileHandle }
            return Target(node: node, descriptor: try nodes.descriptor(of: node))
        }
    }

    /// The same for what is going to be changed.
    func writableTarget(_ id: UInt64) throws(Errno) -> Target {
        let target = try target(id)
        guard !target.volume.isReadOnly else { throw .readOnlyFileSystem }
        return target
    }

    func writableDirectory(_ id: UInt64) throws(Errno) -> Target {
        let target = try writableTarget(id)
        guard target.node.kind == .directory else { throw .notDirectory }
        return target
    }

    // MARK: Finding and forgetting

    func lookUp(_ request: inout Request) throws(Errno) -> Reply {
        let name = try request.name()
        guard request.node != Self.root else { return try lookUpVolume(name) }
        let directory = try target(request.node)
        guard directory.node.kind == .directory else { throw .notDirectory }
        return try entry(of: try calls.node(name, in: directory.descriptor), name, in: directory)
    }

    private func lookUpVolume(_ name: FileName) throws(Errno) -> Reply {
        guard let volume = volume(named: name) else { throw .noSuchFileOrDirectory }
        return reply(try enter(volume.descriptor, volume, at: nil))
    }

    /// A file that the guest gets a reference to, and its attributes.
    struct Entry {
        let node: Node
        let status: FileStatus
    }

    func enter(_ descriptor: OwnedDescriptor, _ volume: Volume, at place: Node.Place?) throws(Errno) -> Entry {
        let status = try calls.status(of: descriptor)
        let node = try lock.locked { () throws(Errno) in
            guard isAttached(volume) else { throw .staleNFSFileHandle }
            return try nodes.enter(descriptor, status, in: volume, at: place)
        }
        return Entry(node: node, status: status)
    }

    func reply(_ entry: Entry) -> Reply {
        var reply = Reply(roomFor: 144)
        append(entry, to: &reply)
        return reply
    }

    func append(_ entry: Entry, to reply: inout Reply) {
        let volume = entry.node.volume
        reply.entry(
            entry.node.id, generation: entry.node.generation, entry.status,
            inode: inode(entry.status.inode, on: entry.status.device),
            name: volume.validityOfName(of: entry.status.kind), attributes: volume.validity(of: entry.status.kind))
    }

    /// Gives the guest a reference to a file that was just opened by its name (struct fuse_entry_out).
    private func entry(of descriptor: OwnedDescriptor, _ name: FileName, in directory: Target) throws(Errno) -> Reply {
        reply(try enter(descriptor, directory.volume, at: Node.Place(directory: directory.node, name: name)))
    }

    /// FORGET (struct fuse_forget_in), BATCH_FORGET (struct fuse_batch_forget_in).
    func forget(_ request: inout Request, many: Bool) throws(Errno) -> Reply {
        guard many else {
            let times: UInt64 = try request.integer()
            lock.locked { nodes.forget(request.node, times) }
            return Reply()
        }
        let count: UInt32 = try request.integer()
        try request.skip(4)
        guard Int(count) <= request.remaining / 16 else { throw .invalidArgument }
        for _ in 0..<count {
            let node: UInt64 = try request.integer()
            let times: UInt64 = try request.integer()
            lock.locked { nodes.forget(node, times) }
        }
        return Reply()
    }

    // MARK: Making and removing

    /// MKDIR, MKNOD, SYMLINK: something new, which belongs to whom the guest says.
    func make(_ opcode: Opcode, _ request: inout Request) throws(Errno) -> Reply {
        let directory = try writableDirectory(request.node)
        let name: FileName
        switch opcode {
        case .makeDirectory:
            let mode: UInt32 = try request.integer()
            let mask: UInt32 = try request.integer()
            name = try request.name()
            try creating(for: request, mask) { () throws(Errno) in
                try calls.makeDirectory(name, in: directory.descriptor, mode: mode)
            }
        case .makeNode:
            let mode: UInt32 = try request.integer()
            let device: UInt32 = try request.integer()
            let mask: UInt32 = try request.integer()
            try request.skip(4)
            name = try request.name()
            try creating(for: request, mask) { () throws(Errno) in
                try calls.makeSpecial(name, in: directory.descriptor, mode: mode, device: device)
            }
        default:
            name = try request.name()
            let target = try request.characters(atMost: 4095)
            try creating(for: request, 0) { () throws(Errno) in
                try calls.makeLink(name, in: directory.descriptor, to: target)
            }
        }
        return try entry(of: try calls.node(name, in: directory.descriptor), name, in: directory)
    }

    /// Lets something be made by whom the request names, whose mode has none of the mask's bits.
    func creating<Result>(
        for request: Request, _ mask: UInt32, _ body: () throws(Errno) -> Result
    ) throws(Errno) -> Result {
        try calls.creating(for: request.user, request.group, mask: mask, body)
    }

    func remove(_ request: inout Request, isDirectory: Bool) throws(Errno) -> Reply {
        let directory = try writableDirectory(request.node)
        try calls.remove(try request.name(), in: directory.descriptor, isDirectory: isDirectory)
        return Reply()
    }

    /// LINK (struct fuse_link_in): another name in the same volume.
    func link(_ request: inout Request) throws(Errno) -> Reply {
        let directory = try writableDirectory(request.node)
        let file = try target(try request.integer())
        let name = try request.name()
        guard file.volume === directory.volume else { throw .improperLink }
        try calls.link(file.descriptor, as: name, in: directory.descriptor)
        return try entry(of: try calls.node(name, in: directory.descriptor), name, in: directory)
    }

    /// RENAME, RENAME2 (struct fuse_rename_in, fuse_rename2_in): within one volume.
    func rename(_ request: inout Request, hasFlags: Bool) throws(Errno) -> Reply {
        let directory = try writableDirectory(request.node)
        let newDirectory = try writableDirectory(try request.integer())
        let flags: UInt32 = hasFlags ? try request.integer() : 0
        if hasFlags { try request.skip(4) }
        let name = try request.name()
        let newName = try request.name()
        guard directory.volume === newDirectory.volume else { throw .improperLink }
        // RENAME_NOREPLACE, RENAME_EXCHANGE, RENAME_WHITEOUT.
        guard flags & ~7 == 0 else { throw .invalidArgument }
        try calls.rename(name, in: directory.descriptor, to: newName, in: newDirectory.descriptor, flags: flags)
        noteMove(to: newName, in: newDirectory)
        if flags & 2 != 0 { noteMove(to: name, in: directory) }
        return Reply()
    }

    /// The guest goes on with the node that it knows, so its place has to be right.
    private func noteMove(to name: FileName, in directory: Target) {
        guard let moved = try? calls.node(name, in: directory.descriptor), let status = try? calls.status(of: moved)
        else {
            return
        }
        let identity = Node.Identity(
            volume: ObjectIdentifier(directory.volume), device: status.device, inode: status.inode)
        lock.locked { nodes.note(identity, movedTo: Node.Place(directory: directory.node, name: name)) }
    }
}

extension FileServer {
    /// The most bytes of entries in one answer.
    private static let maxEntryBytes = 64 << 10

    /// OPENDIR (struct fuse_open_in, fuse_open_out).
    func openDirectory(_ request: inout Request) throws(Errno) -> Reply {
        var reply = Reply()
        if request.node == Self.root {
            let handle = try lock.locked { () throws(Errno) in try handles.enter(Handle(emptyDirectory: Self.root)) }
            reply.handle(handle, isConstant: false)
            return reply
        }
        let target = try target(request.node)
        guard target.node.kind == .directory else { throw .notDirectory }
        let descriptor = try calls.reopenDirectory(target.descriptor)
        reply.handle(try enter(target, descriptor), isConstant: target.volume.isConstant)
        return reply
    }

    /// READDIR (struct fuse_read_in, fuse_dirent): as many whole entries as there is room for. What is left begins at the
    /// last one's place. READDIRPLUS (fuse_direntplus): each with what LOOKUP would answer.
    func readDirectory(_ request: inout Request, room: Int, withStatus: Bool) throws(Errno) -> Reply {
        let directory = try file(try request.integer(), of: request.node)
        let place: UInt64 = try request.integer()
        let size: UInt32 = try request.integer()
        guard let descriptor = directory.descriptor else { return Reply() }
        let most = max(0, min(Int(size), room, Self.maxEntryBytes))
        let target = withStatus ? try target(request.node) : nil
        return try directory.listing.withLock { listing throws(Errno) in
            var rest = try listing.entries(from: place, of: descriptor, by: calls)
            var reply = Reply(roomFor: most)
            let mark = inode(0, on: directory.device)
            let status = target == nil ? 0 : Reply.entrySize
            while let entry = DirectoryEntry(next: &rest), reply.count + status + entry.sizeInReply <= most {
                if let target { appendStatus(of: entry, in: target, to: &reply) }
                // The directory above a volume's root is none of the guest's business.
                reply.integer(mark ^ (entry.isAbove ? directory.inode : entry.inode))
                reply.integer(entry.nextPlace)
                reply.integer(UInt32(entry.name.count))
                reply.integer(UInt32(entry.type))
                reply.append(entry.name)
                reply.zeros(entry.sizeInReply - DirectoryEntry.headerSize - entry.name.count)
            }
            return reply
        }
    }

    /// What LOOKUP would answer, or zeros: of names that are gone, and of those that the guest would not keep for long
    /// enough to use.
    private func appendStatus(of entry: DirectoryEntry, in directory: Target, to reply: inout Reply) {
        let kind = FileKind(mode: UInt32(entry.type) << 12)
        guard directory.volume.validityOfName(of: kind) != .none, let name = try? FileName(entry.name),
            let descriptor = try? calls.node(name, in: directory.descriptor),
            let found = try? enter(descriptor, directory.volume, at: Node.Place(directory: directory.node, name: name))
        else { return reply.zeros(Reply.entrySize) }
        append(found, to: &reply)
    }
}

/// An entry of getdents64(2): struct linux_dirent64.
struct DirectoryEntry {
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
