import FileShare
import Glibc
import LinuxSystem
import TestSupport
import Testing

/// A guest that wants out of its volumes.
@Suite struct ContainmentTests {
    private let guest: Guest
    private let root: UInt64

    /// `secret` lies beside the directory that is shared.
    init() throws {
        guest = try Guest()
        try FileSystem.replace(guest.path("secret"), with: Array("secret".utf8))
        try FileSystem.makeDirectory(guest.path("shared"))
        try FileSystem.replace(guest.path("shared/file"), with: Array("file".utf8), mode: 0o644)
        root = try guest.share("shared")
    }

    @Test(arguments: ["", ".", "..", "/", "../secret", "a/b", "/etc/passwd", "file/", "./file"])
    func onlyASingleNameIsAName(_ name: String) throws {
        let refused = Guest.Refused(EINVAL)
        #expect(throws: refused) { try guest.lookUp(root, name) }
        #expect(throws: refused) { try guest.create(root, name) }
        #expect(throws: refused) { try guest.makeDirectory(root, name) }
        #expect(throws: refused) { try guest.makeLink(root, name, to: "x") }
        #expect(throws: refused) { try guest.remove(root, name) }
        #expect(throws: refused) { try guest.rename(root, "file", to: root, name) }
        #expect(throws: refused) { try guest.rename(root, name, to: root, "new") }
        let file = try guest.lookUp(root, "file").node
        #expect(throws: refused) { try guest.link(file, as: name, in: root) }
    }

    @Test func tooLongANameIsNone() throws {
        #expect(throws: Guest.Refused(ENAMETOOLONG)) { try guest.lookUp(root, String(repeating: "x", count: 256)) }
        #expect(throws: Guest.Refused(ENAMETOOLONG)) { try guest.lookUp(root, String(repeating: "x", count: 5000)) }
        #expect(throws: Guest.Refused(ENOENT)) { try guest.lookUp(root, String(repeating: "x", count: 255)) }
    }

    @Test func linksAreNeverFollowed() throws {
        for (name, target) in [("up", "../secret"), ("out", guest.path("secret")), ("directory", guest.directory.path)]
        {
            let link = try guest.makeLink(root, name, to: target)
            #expect(link.attributes.mode & 0o170000 == 0o120000)
            #expect(throws: Guest.Refused(EINVAL)) { try guest.open(link.node) }
            #expect(throws: Guest.Refused(ENOTDIR)) { try guest.lookUp(link.node, "secret") }
            #expect(throws: Guest.Refused(ENOTDIR)) { try guest.create(link.node, "new") }
            #expect(throws: Guest.Refused(ENOTDIR)) { try guest.names(link.node) }
            #expect(throws: Guest.Refused(EINVAL)) { try guest.change(link.node, valid: 8, size: 0) }
            // A name that is taken is not opened through a link either.
            #expect(throws: Guest.Refused(ELOOP)) { try guest.create(root, name) }
            // What changes a link changes the link.
            try guest.change(link.node, valid: 2, user: 7)
            #expect(try guest.attributes(link.node).user == 7)
        }
        #expect(try FileSystem.contents(of: guest.path("secret"), atMost: 100) == Array("secret".utf8))
        #expect(try FileSystem.status(guest.path("secret"))?.sizeInBytes == 6)
    }

    @Test func aDirectoryThatIsSwappedForALinkLeadsNowhere() throws {
        let guest = try Guest(maxDescriptors: 64)
        try FileSystem.makeDirectory(guest.path("shared"))
        try FileSystem.makeDirectory(guest.path("outside"))
        try FileSystem.replace(guest.path("outside/file"), with: Array("secret".utf8))
        try FileSystem.makeDirectory(guest.path("shared/inner"))
        try FileSystem.replace(guest.path("shared/inner/file"), with: Array("file".utf8))
        let root = try guest.share("shared")
        let file = try guest.lookUp(try guest.lookUp(root, "inner").node, "file").node
        // So that it has to be opened by its place again.
        for number in 0..<40 { _ = try guest.makeDirectory(root, "\(number)") }
        try FileSystem.rename(guest.path("shared/inner"), to: guest.path("shared/gone"))
        try FileSystem.makeLink(guest.path("shared/inner"), to: "../outside")
        #expect(throws: Guest.Refused(ESTALE)) { try guest.open(file) }
    }

    @Test func theRootOfAllShowsNothing() throws {
        #expect(try guest.names(1).isEmpty)
        #expect(throws: Guest.Refused(ENOENT)) { try guest.lookUp(1, "shared") }
        #expect(throws: Guest.Refused(EROFS)) { try guest.create(1, "new") }
        #expect(throws: Guest.Refused(EROFS)) { try guest.makeDirectory(1, "new") }
        #expect(throws: Guest.Refused(EROFS)) { try guest.remove(1, "shared", isDirectory: true) }
        #expect(throws: Guest.Refused(EROFS)) { try guest.rename(root, "file", to: 1, "file") }
        #expect(try guest.attributes(1).mode == 0o040511)
    }

    @Test func theWayUpEndsAtAVolumesRoot() throws {
        let above = try #require(try FileSystem.status(guest.directory.path)).inode
        var reader = try guest.ask(27, root, bytes(UInt64(0)))
        let handle: UInt64 = reader.integer()
        var page = try guest.ask(
            28, root, bytes(handle) + bytes(UInt64(0)) + bytes(UInt32(4096)) + [UInt8](repeating: 0, count: 20))
        while !page.rest.isEmpty {
            #expect(page.integer(UInt64.self) & (1 << 48 - 1) != above)
            page.skip(8)
            let count = Int(page.integer(UInt32.self))
            page.skip(4 + count + (8 - count % 8) % 8)
        }
    }

    @Test func devicesAreNotMade() throws {
        for mode in [0o020666, 0o060666, 0o040755, 0o120777, 0] as [UInt32] {
            #expect(throws: Guest.Refused(EPERM)) { try guest.makeNode(root, "node", mode: mode, device: 0x103) }
        }
        // Nor opened where they are, as nothing is that is not a file.
        let pipe = try guest.makeNode(root, "pipe", mode: 0o010666)
        #expect(throws: Guest.Refused(EINVAL)) { try guest.open(pipe.node) }
        #expect(throws: Guest.Refused(ELOOP)) { try guest.create(root, "pipe") }
    }

    @Test func nothingOfAReadOnlyVolumeIsChanged() throws {
        let root = try guest.lookUp(1, try guest.attach(guest.path("shared"), .readOnly)).node
        let file = try guest.lookUp(root, "file").node
        let refused = Guest.Refused(EROFS)
        #expect(throws: refused) { try guest.open(file, O_WRONLY) }
        #expect(throws: refused) { try guest.open(file, O_RDWR) }
        #expect(throws: refused) { try guest.open(file, O_RDONLY | O_TRUNC) }
        #expect(throws: refused) { try guest.create(root, "new") }
        #expect(throws: refused) { try guest.create(root, "file") }
        #expect(throws: refused) { try guest.makeDirectory(root, "new") }
        #expect(throws: refused) { try guest.makeNode(root, "new", mode: 0o010666) }
        #expect(throws: refused) { try guest.makeLink(root, "new", to: "x") }
        #expect(throws: refused) { try guest.remove(root, "file") }
        #expect(throws: refused) { try guest.link(file, as: "new", in: root) }
        #expect(throws: refused) { try guest.rename(root, "file", to: root, "new") }
        #expect(throws: refused) { try guest.change(file, valid: 1, mode: 0) }
        #expect(throws: refused) { try guest.change(file, valid: 8, size: 0) }
        #expect(throws: refused) { try guest.ask(24, file, text("user.x")) }
        let handle = try guest.open(file)
        #expect(throws: Guest.Refused(EBADF)) { try guest.write(file, handle, [1]) }
        let mode = [UInt8](repeating: 0, count: 8)
        #expect(throws: Guest.Refused(EBADF)) {
            try guest.ask(43, file, bytes(handle) + bytes(UInt64(0)) + bytes(UInt64(100)) + mode)
        }
        #expect(try guest.contents(root, "file") == "file")
        // The same directory is another volume where it can be written to, and its nodes are others.
        #expect(try guest.lookUp(self.root, "file").node != file)
    }

    @Test func volumesDoNotMix() throws {
        try FileSystem.makeDirectory(guest.path("other"))
        let other = try guest.share("other")
        let file = try guest.lookUp(root, "file").node
        #expect(throws: Guest.Refused(EXDEV)) { try guest.rename(root, "file", to: other, "file") }
        #expect(throws: Guest.Refused(EXDEV)) { try guest.link(file, as: "file", in: other) }
        #expect(throws: Guest.Refused(ENOENT)) { try guest.lookUp(other, "file") }
        // A handle is good for its own node only.
        let handle = try guest.open(file)
        #expect(throws: Guest.Refused(EBADF)) { try guest.read(other, handle) }
    }

    @Test func whatIsDetachedIsDead() throws {
        let id = try guest.attach(guest.path("shared"), .readOnly)
        #expect(try guest.attach(guest.path("shared"), .readOnly) == id)
        let root = try guest.lookUp(1, id).node
        let file = try guest.lookUp(root, "file").node
        let handle = try guest.open(file)
        guest.server.detach(id)
        #expect(try guest.read(file, handle) == Array("file".utf8), "it was attached twice")
        guest.server.detach(id)
        #expect(throws: Guest.Refused(ESTALE)) { try guest.attributes(root) }
        #expect(throws: Guest.Refused(ESTALE)) { try guest.open(file) }
        #expect(throws: Guest.Refused(EBADF)) { try guest.read(file, handle) }
        #expect(throws: Guest.Refused(ENOENT)) { try guest.lookUp(1, id) }
        guest.forget(file)
        let again = try guest.attach(guest.path("shared"), .readOnly)
        #expect(again != id)
        #expect(try guest.lookUp(1, again).node != root)
    }

    @Test func nothingStaysOpenBehindAVolume() throws {
        let before = try descriptors()
        let id = try guest.attach(guest.path("shared"), .recursive)
        let root = try guest.lookUp(1, id).node
        let directory = try guest.makeDirectory(root, "directory").node
        _ = try guest.create(directory, "file")
        // A directory that the guest has forgotten is still known as that of its file.
        guest.forget(directory)
        _ = try guest.makeDirectory(root, "another")
        #expect(try descriptors() > before)
        guest.server.detach(id)
        #expect(try descriptors() == before)
    }

    /// Those of this process that lead to the directory, for other tests run beside this one.
    private func descriptors() throws -> Int {
        let links = try run("ls", ["-l", "/proc/\(getpid())/fd"]).output.split(separator: "\n")
        return links.count { $0.contains(guest.directory.path) }
    }

    @Test func onlyFilesAndDirectoriesAreVolumes() throws {
        #expect(throws: VolumeError.kind) { try guest.attach("/dev/null") }
    }

    @Test func malformedRequestsAreRefused() throws {
        // Too short for a header, or with a length that is not its own: there is nobody to answer.
        for count in 0..<40 { #expect(guest.server.answer([UInt8](repeating: 255, count: count), room: 100).isEmpty) }
        for length in [0, 39, 41, UInt32.max] {
            #expect(guest.server.answer(guest.request(1, root, [], length: length), room: 100).isEmpty)
        }
        // Every operation without, and with part of, what it takes.
        for opcode in UInt32(0)...60 where ![2, 36, 38, 42].contains(opcode) {
            for count in [0, 1, 7, 8, 15, 24, 39] {
                let reply = guest.server.answer(
                    guest.request(opcode, root, [UInt8](repeating: 0, count: count)), room: 300_000)
                #expect(reply.count >= 16)
            }
        }
        // Offsets beyond what a file can have; names without an end; more forgotten than there is.
        let file = try guest.lookUp(root, "file").node
        let handle = try guest.open(file)
        #expect(throws: Guest.Refused(EINVAL)) { try guest.read(file, handle, at: 1 << 63) }
        #expect(throws: Guest.Refused(EINVAL)) { try guest.ask(1, root, Array("file".utf8)) }
        let many = bytes(UInt32.max) + bytes(UInt32(0)) + bytes(file) + bytes(UInt64.max)
        #expect(guest.server.answer(guest.request(42, 0, many), room: 0).isEmpty)
        #expect(try guest.attributes(file).size == 4)
        guest.forget(file, .max)
        #expect(throws: Guest.Refused(ESTALE)) { try guest.attributes(file) }
        // No answer is longer than there is room for.
        let reply = guest.server.answer(guest.request(1, root, text("file")), room: 20)
        #expect(reply.count == 16)
        #expect(guest.server.answer(guest.request(1, root, text("file")), room: 15).isEmpty)
    }
}
