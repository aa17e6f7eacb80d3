import FileShare
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// A guest that means well, on a directory of the host.
@Suite struct FileServerTests {
    private let guest: Guest

    init() throws { guest = try Guest() }

    private func make(_ name: String, _ contents: String = "") throws {
        try FileSystem.replace(guest.path(name), with: Array(contents.utf8), mode: 0o644)
    }

    private func host(_ name: String) throws -> String {
        String(decoding: try #require(try FileSystem.contents(of: guest.path(name), atMost: 1 << 20)), as: UTF8.self)
    }

    @Test func theGuestAndTheServerAgreeOnWhatTheyCan() throws {
        var reply = try guest.ask(
            26, 0, bytes(UInt32(7)) + bytes(UInt32(41)) + bytes(UInt32(1 << 20)) + bytes(UInt32.max) + bytes(UInt32.max)
        )
        #expect(reply.integer(UInt32.self) == 7)
        #expect(reply.integer(UInt32.self) == 41)
        #expect(reply.integer(UInt32.self) == 256 << 10)
        let flags: UInt32 = reply.integer()
        #expect(flags & (1 << 16) == 0, "a cache of changes that are written back later")
        #expect(flags & (1 << 4) == 0, "files by handles that outlive the guest's knowledge of them")
        #expect(reply.rest.count == 64 - 16)
        #expect(Array(reply.rest[16..<20]) == bytes(UInt32(1 << 8)), "of the second flags: mounts that map owners")
        // Who does not know of second flags sends none.
        reply = try guest.ask(26, 0, bytes(UInt32(7)) + bytes(UInt32(41)) + bytes(UInt32(0)) + bytes(~UInt32(1 << 30)))
        #expect(Array(reply.rest[32..<36]) == bytes(UInt32(0)))
        #expect(throws: Guest.Refused(EPROTO)) {
            try guest.ask(26, 0, bytes(UInt32(7)) + bytes(UInt32(8)) + bytes(UInt64(0)))
        }
    }

    @Test func aFilesBytesAreReadAndWritten() throws {
        try make("file", "hello")
        let root = try guest.share()
        #expect(try guest.contents(root, "file") == "hello")
        let node = try guest.lookUp(root, "file").node
        let handle = try guest.open(node, O_RDWR)
        #expect(try guest.write(node, handle, Array("world".utf8), at: 5) == 5)
        #expect(try guest.read(node, handle, at: 3, count: 4) == Array("lowo".utf8))
        #expect(try guest.read(node, handle, at: 100) == [])
        #expect(try host("file") == "helloworld")
        guest.release(node, handle)
        #expect(throws: Guest.Refused(EBADF)) { try guest.read(node, handle) }
    }

    @Test func aFileCanBeAVolume() throws {
        try make("hosts", "127.0.0.1 localhost\n")
        let node = try guest.lookUp(1, try guest.attach(guest.path("hosts"))).node
        let handle = try guest.open(node, O_RDWR)
        #expect(try guest.read(node, handle) == Array("127.0.0.1 localhost\n".utf8))
        #expect(throws: Guest.Refused(ENOTDIR)) { try guest.lookUp(node, "file") }
    }

    @Test func whatNobodyChangesNeedNotBeAskedForTwice() throws {
        try make("file", "hello")
        let changing = try guest.share()
        #expect(try guest.openFlags(changing, isDirectory: true) == 0)
        #expect(try guest.openFlags(guest.lookUp(changing, "file").node) == 0)
        guest.validity = 86_400
        let constant = try guest.share("", [.readOnly, .constant])
        let file = try guest.lookUp(constant, "file")
        #expect(try guest.attributes(file.node) == file.attributes)
        // FOPEN_KEEP_CACHE, FOPEN_CACHE_DIR, FOPEN_NOFLUSH
        #expect(try guest.openFlags(file.node) == 42 && guest.openFlags(constant, isDirectory: true) == 42)
        #expect(throws: Guest.Refused(EROFS)) { try guest.open(file.node, O_RDWR) }
        #expect(throws: Guest.Refused(EROFS)) { try guest.create(constant, "new") }
    }

    @Test func whatNobodyChangesIsEachContainersOwn() throws {
        try make("file", "hello")
        guest.validity = 86_400
        let ids = try (0..<2).map { _ in try guest.attach(guest.path(""), [.readOnly, .constant]) }
        #expect(ids[0] != ids[1])
        let nodes = try ids.map { try guest.lookUp(guest.lookUp(1, $0).node, "file").node }
        #expect(nodes[0] != nodes[1], "one file with one cache, in the zone of one of them")
        guest.server.detach(ids[0])
        #expect(throws: Guest.Refused(ESTALE)) { try guest.attributes(nodes[0]) }
        #expect(try guest.attributes(nodes[1]).size == 5)
    }

    @Test func whatIsMadeBelongsToWhomTheGuestSays() throws {
        let root = try guest.share()
        (guest.user, guest.group) = (1000, 2000)
        let (file, _) = try guest.create(root, "file", mode: 0o640)
        #expect(file.attributes.user == 1000 && file.attributes.group == 2000)
        #expect(file.attributes.mode == 0o100640)
        let directory = try guest.makeDirectory(root, "directory", mode: 0o750)
        #expect(directory.attributes.user == 1000 && directory.attributes.mode == 0o040750)
        let pipe = try guest.makeNode(root, "pipe", mode: 0o010666)
        #expect(pipe.attributes.user == 1000 && pipe.attributes.mode == 0o010666)
        let link = try guest.makeLink(root, "link", to: "/etc/passwd")
        #expect(link.attributes.user == 1000)
        #expect(try guest.ask(5, link.node).rest == Array("/etc/passwd".utf8))
        // In a directory that hands its group down, as Kubernetes' fsGroup makes them, and that this user may not write to.
        let change = "chown 0:3000 \(guest.path("directory")) && chmod 2755 \(guest.path("directory"))"
        try #require(try run("sh", ["-c", change]).status == 0)
        #expect(try guest.create(directory.node, "inner").0.attributes.group == 3000)
    }

    @Test func namesAreListedInPieces() throws {
        let root = try guest.share()
        let names = (0..<500).map { "file-with-a-rather-long-name-\($0)" }
        for name in names { try make(name) }
        #expect(Set(try guest.names(root)) == Set(names + [".", ".."]))
        #expect(Set(try guest.names(root, room: 300)) == Set(names + [".", ".."]))
    }

    @Test func filesAreRenamedLinkedAndRemoved() throws {
        try make("a", "A")
        try make("b", "B")
        let root = try guest.share()
        let directory = try guest.makeDirectory(root, "directory").node
        let a = try guest.lookUp(root, "a")
        try guest.rename(root, "a", to: directory, "c")
        #expect(throws: Guest.Refused(ENOENT)) { try guest.lookUp(root, "a") }
        #expect(try guest.lookUp(directory, "c").node == a.node)
        #expect(throws: Guest.Refused(EEXIST)) { try guest.rename(root, "b", to: directory, "c", flags: 1) }
        try guest.rename(root, "b", to: directory, "c", flags: 2)
        #expect(try host("b") == "A" && host("directory/c") == "B")
        #expect(try guest.link(a.node, as: "d", in: directory).node == a.node)
        #expect(try guest.attributes(a.node).links == 2)
        #expect(throws: Guest.Refused(ENOTEMPTY)) { try guest.remove(root, "directory", isDirectory: true) }
        for name in ["c", "d"] { try guest.remove(directory, name) }
        try guest.remove(root, "directory", isDirectory: true)
        #expect(try guest.names(root).sorted() == [".", "..", "b"])
    }

    @Test func attributesAreChanged() throws {
        try make("file", "hello")
        let root = try guest.share()
        let node = try guest.lookUp(root, "file").node
        try guest.change(node, valid: 1 | 2 | 4, mode: 0o4711, user: 5, group: 6)
        try guest.change(node, valid: 1, mode: 0o4711)
        var attributes = try guest.attributes(node)
        #expect(attributes.mode == 0o104711 && attributes.user == 5 && attributes.group == 6)
        // Who writes to a program of another user takes its power away.
        let handle = try guest.open(node, O_WRONLY)
        try guest.write(node, handle, [0], flags: 4)
        #expect(try guest.attributes(node).mode == 0o100711)
        try guest.change(node, valid: 8 | 32, size: 2, modified: 1_000_000)
        attributes = try guest.attributes(node)
        #expect(attributes.size == 2)
        #expect(try FileSystem.status(guest.path("file"))?.modified == 1_000_000 * 1_000_000_000)
        // A socket cannot be opened, and has a mode nevertheless.
        let socket = try guest.makeNode(root, "socket", mode: 0o140600)
        try guest.change(socket.node, valid: 1, mode: 0o777)
        #expect(try guest.attributes(socket.node).mode == 0o140777)
    }

    @Test func usersExtendedAttributesAreKept() throws {
        try make("file")
        try #require(FileSystem.hasExtendedAttributes(guest.directory.path))
        let root = try guest.share()
        let node = try guest.lookUp(root, "file").node
        func set(_ name: String) throws {
            try guest.ask(21, node, bytes(UInt32(5)) + bytes(UInt32(0)) + text(name) + Array("value".utf8))
        }
        try set("user.color")
        #expect(try guest.ask(22, node, bytes(UInt64(100)) + text("user.color")).rest == Array("value".utf8))
        var size = try guest.ask(22, node, bytes(UInt64(0)) + text("user.color"))
        #expect(size.integer(UInt32.self) == 5)
        #expect(throws: Guest.Refused(ERANGE)) { try guest.ask(22, node, bytes(UInt64(2)) + text("user.color")) }
        #expect(try guest.ask(23, node, bytes(UInt64(100))).rest == text("user.color"))
        for name in ["trusted.overlay.opaque", "security.selinux", "system.nfs4_acl", "user.", "unknown"] {
            #expect(throws: Guest.Refused(EOPNOTSUPP)) { try set(name) }
        }
        try guest.ask(24, node, text("user.color"))
        #expect(throws: Guest.Refused(ENODATA)) { try guest.ask(22, node, bytes(UInt64(100)) + text("user.color")) }
    }

    @Test func holesAreMadeAndFound() throws {
        let root = try guest.share()
        let (file, handle) = try guest.create(root, "file")
        try guest.write(file.node, handle, [UInt8](repeating: 1, count: 65536))
        try guest.ask(
            43, file.node,
            bytes(handle) + bytes(UInt64(4096)) + bytes(UInt64(8192)) + bytes(UInt32(3)) + bytes(UInt32(0)))
        #expect(try guest.read(file.node, handle, at: 4096, count: 8192).allSatisfy { $0 == 0 })
        var place = try guest.ask(46, file.node, bytes(handle) + bytes(UInt64(0)) + bytes(UInt32(4)) + bytes(UInt32(0)))
        #expect(place.integer(UInt64.self) == 4096)
        try guest.ask(20, file.node, bytes(handle) + bytes(UInt64(0)))
    }

    @Test func aLinkThatIsSwappedIsSeenAtOnce() throws {
        for (name, contents) in [("1", "old"), ("2", "new")] {
            try FileSystem.makeDirectory(guest.path(name))
            try make("\(name)/config", contents)
        }
        try FileSystem.makeLink(guest.path("..data"), to: "1")
        let root = try guest.share()
        let first = try guest.lookUp(root, "..data")
        #expect(try guest.ask(5, first.node).rest == Array("1".utf8))
        try FileSystem.makeLink(guest.path("..next"), to: "2")
        try FileSystem.rename(guest.path("..next"), to: guest.path("..data"))
        let second = try guest.lookUp(root, "..data")
        #expect(second.node != first.node)
        #expect(try guest.ask(5, second.node).rest == Array("2".utf8))
    }

    @Test func filesOnDifferentFileSystemsDoNotLookAlike() throws {
        let here = try guest.lookUp(1, try guest.attach(guest.directory.path))
        let there = try guest.lookUp(1, try guest.attach("/proc/self/fdinfo"))
        #expect(here.attributes.inode >> 48 != there.attributes.inode >> 48)
    }

    @Test func moreFilesThanDescriptorsAreKnown() throws {
        let guest = try Guest(maxDescriptors: 64)
        try FileSystem.makeDirectory(guest.path("deep"))
        for name in 0..<200 { try FileSystem.replace(guest.path("deep/\(name)"), with: Array("\(name)".utf8)) }
        let root = try guest.share()
        let deep = try guest.lookUp(root, "deep").node
        let nodes = try (0..<200).map { try guest.lookUp(deep, "\($0)").node }
        #expect(guest.server.usage.nodes == 202)
        #expect(guest.server.usage.cachedDescriptors <= 16)
        for (name, node) in nodes.enumerated() {
            let handle = try guest.open(node)
            #expect(try guest.read(node, handle) == Array("\(name)".utf8))
            guest.release(node, handle)
        }
        // Renamed by the guest, it is found at its new place.
        try guest.rename(deep, "0", to: root, "moved")
        for node in nodes.dropFirst() { _ = try guest.attributes(node) }
        #expect(try guest.attributes(nodes[0]).size == 1)
        // Replaced by somebody else, it is another file.
        try FileSystem.replace(guest.path("deep/1"), with: Array("other".utf8))
        for node in nodes.dropFirst(2) { _ = try guest.attributes(node) }
        #expect(throws: Guest.Refused(ESTALE)) { try guest.attributes(nodes[1]) }
        #expect(try guest.contents(deep, "1") == "other")
        for node in nodes { guest.forget(node) }
        #expect(guest.server.usage.nodes == 3)
    }
}
