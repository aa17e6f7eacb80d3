import Glibc
import LinuxSystem
import SystemPackage

/// Extended attributes: those of users (`user.*`) as they are. A program's capabilities can be read and not be set: set
/// by a guest they would count on the host. All others are not shown.
extension FileServer {
    /// XATTR_SIZE_MAX, XATTR_LIST_MAX.
    private static let maxBytes = 64 << 10

    /// GETXATTR (struct fuse_getxattr_in, fuse_getxattr_out).
    func getExtendedAttribute(_ request: inout Request, room: Int) throws(Errno) -> Reply {
        let size: UInt32 = try request.integer()
        try request.skip(4)
        let name = try request.characters(atMost: FileName.maxBytes)
        guard isReadable(name[...]) else { throw .notSupported }
        let value = try calls.attribute(name, of: try fileWithAttributes(request.node).descriptor, room: Self.maxBytes)
        return try sized(value, size, room)
    }

    /// LISTXATTR (struct fuse_getxattr_in, fuse_getxattr_out).
    func listExtendedAttributes(_ request: inout Request, room: Int) throws(Errno) -> Reply {
        let size: UInt32 = try request.integer()
        let names = try calls.attributeNames(
            of: try fileWithAttributes(request.node).descriptor, room: Self.maxBytes)
        var shown: [UInt8] = []
        for name in names.split(separator: 0) where isReadable(name.map { CChar(bitPattern: $0) }[...]) {
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

    /// SETXATTR (struct fuse_setxattr_in, in its short form).
    func setExtendedAttribute(_ request: inout Request) throws(Errno) -> Reply {
        let size: UInt32 = try request.integer()
        let flags: UInt32 = try request.integer()
        let name = try request.characters(atMost: FileName.maxBytes)
        guard isUsers(name[...]) else { throw .notSupported }
        // XATTR_CREATE, XATTR_REPLACE
        guard size <= UInt32(Self.maxBytes), flags & ~3 == 0 else { throw .invalidArgument }
        let value = try request.bytes(Int(size))
        let file = try fileWithAttributes(request.node)
        guard !file.volume.isReadOnly else { throw .readOnlyFileSystem }
        try calls.setAttribute(name, of: file.descriptor, to: value, flags: CInt(flags))
        return Reply()
    }

    func removeExtendedAttribute(_ request: inout Request) throws(Errno) -> Reply {
        let name = try request.characters(atMost: FileName.maxBytes)
        guard isUsers(name[...]) else { throw .notSupported }
        let file = try fileWithAttributes(request.node)
        guard !file.volume.isReadOnly else { throw .readOnlyFileSystem }
        try calls.removeAttribute(name, of: file.descriptor)
        return Reply()
    }

    /// Only a file that is really open has attributes, and only these can be opened without a consequence.
    private func fileWithAttributes(_ node: UInt64) throws(Errno) -> Target {
        let target = try target(node)
        guard target.node.kind == .regular || target.node.kind == .folder else { throw .notSupported }
        return Target(node: target.node, descriptor: try calls.reopen(target.descriptor, flags: O_RDONLY))
    }

    private func isUsers(_ name: ArraySlice<CChar>) -> Bool {
        name.starts(with: "user.".utf8.map { CChar(bitPattern: $0) })
    }

    private func isReadable(_ name: ArraySlice<CChar>) -> Bool {
        let text = name.prefix { $0 != 0 }
        return isUsers(text) || text.elementsEqual("security.capability".utf8.map { CChar(bitPattern: $0) })
    }
}
