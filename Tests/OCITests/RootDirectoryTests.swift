import Foundation
import Testing

@testable import OCI

/// Images of plain directories (`dir:ROOTFS`).
@Suite struct RootDirectoryTests {
    let directory: TemporaryDirectory
    let root: String

    init() throws {
        directory = try TemporaryDirectory()
        root = directory.path("root")
        try directory.write("root/bin/tool", Array("content".utf8))
        try directory.write("root/etc/passwd", Array("root:x:0:0::/root:\nwww:x:33:33::/var/www:\n".utf8))
    }

    @Test func aDirectoryBecomesAnImage() throws {
        let image = try directory.resolve("dir:\(root)")
        #expect(try directory.unpack(image).text("bin/tool") == "content")
        #expect(image.config.commandLine() == ["/bin/sh"])
        #expect(try image.accounts.identity(of: "www").home == "/var/www")
        #expect(image.name == "dir:\(root)")
    }

    @Test func anUnchangedDirectoryIsNotBuiltAgain() throws {
        let first = try directory.resolve("dir:\(root)")
        let steps = Steps()
        let again = try directory.store().resolve(ImageReference("dir:\(root)/../root")) { steps.add($0) }
        #expect(again == first)
        #expect(steps.all.isEmpty)
    }

    @Test(arguments: [
        "echo changed > bin/tool", "touch bin/tool", "chmod 700 bin/tool", "mv bin/tool bin/moved", "ln -s x bin/link",
        "chown 1 bin", "rm bin/tool",
    ])
    func everyChangeIsSeen(_ change: String) throws {
        let first = try directory.resolve("dir:\(root)")
        try run("sh", ["-c", "cd '\(root)' && \(change)"])
        let second = try directory.resolve("dir:\(root)")
        #expect(first.digest != second.digest)
        #expect(try directory.store().list().map(\.digest) == [second.digest], "the former state's image goes")
    }

    @Test func aFormerImageInUseStays() throws {
        let store = try directory.store()
        let first = try store.resolve(ImageReference("dir:\(root)"))
        let lease = try store.lease(first)
        try directory.write("root/new", [])
        let second = try store.resolve(ImageReference("dir:\(root)"))
        #expect(try Set(store.list().map(\.digest)) == [first.digest, second.digest])
        withExtendedLifetime(lease) {}
    }

    @Test func aMountInTheDirectoryIsRefused() throws {
        let mount = "\(root)/proc"
        try FileManager.default.createDirectory(atPath: mount, withIntermediateDirectories: true)
        try run("mount", ["-t", "tmpfs", "tmpfs", mount])
        defer { _ = try? run("umount", [mount]) }
        let error = #expect(throws: OCIError.self) { try directory.resolve("dir:\(root)") }
        #expect(error?.description.contains(mount) == true)
    }

    @Test func aFifoForAPasswordFileDoesNotBlock() throws {
        try run("sh", ["-c", "cd '\(root)' && rm etc/passwd && mkfifo etc/passwd && ln -s /etc/shadow etc/group"])
        let image = try directory.resolve("dir:\(root)")
        #expect(image.accounts == Accounts())
    }
}
