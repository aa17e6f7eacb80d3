import FileShare
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// What file systems of Linux can do beside reading and writing.
@Suite struct FileFeatureTests {
    private let guest: Guest
    private let root: UInt64

    init() throws {
        guest = try Guest()
        try FileSystem.makeDirectory(guest.path("v"), mode: 0o755)
        try FileSystem.replace(guest.path("v/file"), with: Array("contents".utf8), mode: 0o644)
        root = try guest.share("v")
    }

    @Test func aFileWithoutANameGetsOne() throws {
        let (file, handle) = try guest.createNameless(root)
        #expect(file.attributes.links == 0)
        try guest.write(file.node, handle, Array("later".utf8))
        #expect(try guest.attributes(file.node).size == 5)
        #expect(try guest.link(file.node, as: "named", in: root).node == file.node)
        #expect(try guest.contents(root, "named") == "later")
        let (never, _) = try guest.createNameless(root, flags: O_RDWR | O_EXCL)
        #expect(throws: Guest.Refused(ENOENT)) { try guest.link(never.node, as: "never", in: root) }
        #expect(throws: Guest.Refused(EINVAL)) { try guest.createNameless(root, flags: O_RDONLY) }
        let readOnly = try guest.share("v", .readOnly)
        #expect(throws: Guest.Refused(EROFS)) { try guest.createNameless(readOnly) }
    }

    @Test func anOpenFileIsKnownWhenItsNameIsGone() throws {
        let guest = try Guest(maxDescriptors: 64)
        let root = try guest.share()
        let (file, handle) = try guest.create(root, "file")
        let (nameless, _) = try guest.createNameless(root)
        try guest.remove(root, "file")
        // So that their own descriptors are closed.
        for number in 0..<40 { _ = try guest.makeDirectory(root, "\(number)") }
        try guest.write(file.node, handle, [1, 2, 3])
        #expect(try guest.attributes(file.node).size == 3)
        #expect(try guest.attributes(nameless.node).size == 0)
        #expect(try guest.link(nameless.node, as: "named", in: root).node == nameless.node)
        guest.release(file.node, handle)
        for number in 40..<80 { _ = try guest.makeDirectory(root, "\(number)") }
        #expect(throws: Guest.Refused(ESTALE)) { try guest.attributes(file.node) }
    }

    /// A list in the kernel's form: owner rw, user 1234 rw, group r, mask rw, others none.
    private static let list: [UInt8] =
        bytes(UInt32(2))
        + [(1, 6, UInt32.max), (2, 6, 1234), (4, 4, .max), (0x10, 6, .max), (0x20, 0, .max)].flatMap {
            bytes(UInt16($0.0)) + bytes(UInt16($0.1)) + bytes($0.2)
        }

    @Test func accessControlListsAreTheHosts() throws {
        let file = try guest.lookUp(root, "file").node
        let name = "system.posix_acl_access"
        #expect(throws: Guest.Refused(ENODATA)) { try guest.attribute(file, name) }
        try guest.setAttribute(file, name, Self.list)
        #expect(try guest.attribute(file, name) == Self.list)
        #expect(try guest.ask(23, file, bytes(UInt64(1000))).rest == text(name))
        // The mask is the group's mode.
        #expect(try guest.attributes(file).mode & 0o777 == 0o660)
        // A pipe has none that are served, which is no error of who checks permissions.
        let pipe = try guest.makeNode(root, "pipe", mode: 0o010666)
        #expect(throws: Guest.Refused(ENODATA)) { try guest.attribute(pipe.node, name) }
    }

    @Test func aDirectoriesDefaultListGoesBeforeTheMask() throws {
        #expect(try guest.makeDirectory(root, "masked", mode: 0o777, mask: 0o027).attributes.mode & 0o777 == 0o750)
        let directory = try guest.makeDirectory(root, "directory", mode: 0o777).node
        try guest.setAttribute(directory, "system.posix_acl_default", Self.list)
        #expect(try guest.makeDirectory(directory, "inner", mode: 0o777, mask: 0o077).attributes.mode & 0o777 == 0o660)
    }

    @Test func aSetGroupBitGoesWhereTheGuestSaysSo() throws {
        let file = try guest.lookUp(root, "file").node
        try guest.change(file, valid: 1, mode: 0o2755)
        try guest.setAttribute(file, "system.posix_acl_access", Self.list, flags: 0)
        #expect(try guest.attributes(file).mode & 0o2000 != 0)
        try guest.setAttribute(file, "system.posix_acl_access", Self.list, flags: 1)
        #expect(try guest.attributes(file).mode & 0o2000 == 0)
    }

    @Test func programsHaveCapabilities() throws {
        let file = try guest.lookUp(root, "file").node
        // VFS_CAP_REVISION_2 with CAP_NET_RAW, effective.
        let value = bytes(UInt32(0x0200_0001)) + bytes(UInt32(1 << 13)) + [UInt8](repeating: 0, count: 12)
        try guest.setAttribute(file, "security.capability", value)
        #expect(try guest.attribute(file, "security.capability") == value)
        // Who writes to a program does not write to its capabilities.
        let handle = try guest.open(file, O_RDWR)
        try guest.write(file, handle, [1])
        #expect(throws: Guest.Refused(ENODATA)) { try guest.attribute(file, "security.capability") }
    }

    @Test func flagsOfFilesAreReadAndSet() throws {
        let (file, handle) = try guest.create(root, "flags")
        func control(_ command: UInt32, _ value: [UInt8] = [], room: UInt32 = 0) throws -> [UInt8] {
            let head = bytes(handle) + bytes(UInt32(0)) + bytes(command) + bytes(UInt64(0))
            let reply = try guest.ask(39, file.node, head + bytes(UInt32(value.count)) + bytes(room) + value)
            return Array(reply.rest.dropFirst(16))
        }
        let (get, set, extended): (UInt32, UInt32, UInt32) = (0x8008_6601, 0x4008_6602, 0x801C_581F)
        var before = Bytes(try control(get, room: 4))
        let flags: UInt32 = before.integer()
        // No dumps.
        _ = try control(set, bytes(flags | 0x40))
        #expect(try control(get, room: 4) == bytes(flags | 0x40))
        #expect(try control(extended, room: 28).count == 28)
        // Immutable, append-only.
        #expect(throws: Guest.Refused(EPERM)) { try control(set, bytes(flags | 0x10)) }
        #expect(throws: Guest.Refused(EPERM)) { try control(set, bytes(flags | 0x20)) }
        for command: UInt32 in [0, 0x5401, 0xC020_660B, 0x4020_5820, .max] {
            #expect(throws: Guest.Refused(ENOTTY)) { try control(command, room: 4) }
        }
        #expect(throws: Guest.Refused(ENOTTY)) { try control(set, [1]) }
    }

    @Test func aRenamedFileLeavesAWhiteout() throws {
        try guest.rename(root, "file", to: root, "moved", flags: 4)
        let whiteout = try guest.lookUp(root, "file")
        #expect(whiteout.attributes.mode & 0o170000 == 0o020000)
        #expect(try guest.contents(root, "moved") == "contents")
        #expect(try guest.makeNode(root, "own", mode: 0o020600).attributes.mode & 0o170000 == 0o020000)
        #expect(throws: Guest.Refused(EPERM)) { try guest.makeNode(root, "null", mode: 0o020666, device: 0x103) }
        #expect(throws: Guest.Refused(EPERM)) { try guest.makeNode(root, "disk", mode: 0o060666, device: 0) }
        #expect(throws: Guest.Refused(EINVAL)) { try guest.rename(root, "moved", to: root, "x", flags: 8) }
    }

    @Test func whenAFileWasMadeIsReported() throws {
        let file = try guest.lookUp(root, "file").node
        var reply = try guest.ask(52, file, bytes(UInt64(0)) + bytes(UInt64(0)) + bytes(UInt64(0xFFF)))
        #expect(reply.rest.count == 288)
        reply.skip(32)
        let mask: UInt32 = reply.integer()
        #expect(mask & 0x7FF == 0x7FF)
        reply.skip(4 + 8 + 12)
        #expect(reply.integer(UInt16.self) == 0o100644)
        reply.skip(2 + 8)
        #expect(reply.integer(UInt64.self) == 8)
        reply.skip(16 + 16)
        let born: UInt64 = reply.integer()
        let expected = try run("stat", ["-c", "%W", guest.path("v/file")]).output
        #expect(expected == (mask & 0x800 == 0 ? "0\n" : "\(born)\n"))
    }

    @Test func piecesAreCopiedOnTheHost() throws {
        let file = try guest.lookUp(root, "file").node
        let source = try guest.open(file)
        let (copy, target) = try guest.create(root, "copy")
        func copyPiece(_ count: UInt64, to handle: UInt64, flags: UInt64 = 0) throws -> UInt32 {
            let body = bytes(source) + bytes(UInt64(2)) + bytes(copy.node) + bytes(handle) + bytes(UInt64(1))
            var reply = try guest.ask(47, file, body + bytes(count) + bytes(flags))
            return reply.integer()
        }
        #expect(try copyPiece(4, to: target) == 4)
        #expect(try copyPiece(.max, to: target) == 6)
        #expect(try guest.contents(root, "copy") == "\0ntents")
        #expect(throws: Guest.Refused(EBADF)) { try copyPiece(4, to: source) }
        #expect(throws: Guest.Refused(EINVAL)) { try copyPiece(4, to: target, flags: 1) }
    }

    @Test func listingsComeWithTheirEntries() throws {
        try FileSystem.makeLink(guest.path("v/link"), to: "file")
        let handle = try guest.openDirectory(root)
        var reply = try guest.ask(
            44, root, bytes(handle) + bytes(UInt64(0)) + bytes(UInt32(4096)) + [UInt8](repeating: 0, count: 20))
        var nodes: [String: UInt64] = [:]
        while !reply.rest.isEmpty {
            let node: UInt64 = reply.integer()
            reply.skip(120 + 16)
            let count = Int(reply.integer(UInt32.self))
            reply.skip(4)
            nodes[String(decoding: reply.take(count), as: UTF8.self)] = node
            reply.skip((8 - count % 8) % 8)
        }
        // A link is asked for each time.
        #expect(Set(nodes.keys) == [".", "..", "file", "link"])
        #expect(nodes["."] == 0 && nodes[".."] == 0 && nodes["link"] == 0)
        #expect(try guest.lookUp(root, "file").node == nodes["file"])
    }

    @Test func namesHoldForATickAndNotTooMany() throws {
        #expect(try guest.lookUp(root, "file").nameHolds)
        #expect(try guest.makeDirectory(root, "directory").nameHolds)
        #expect(!(try guest.makeLink(root, "link", to: "file").nameHolds))
        for number in 0..<4100 { _ = try guest.makeNode(root, "\(number)", mode: 0o100600) }
        #expect(!(try guest.lookUp(root, "file").nameHolds))
        #expect(try guest.lookUp(root, "directory").nameHolds)
    }
}
