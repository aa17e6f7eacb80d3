import Glibc
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// A file system that answers nothing, on a directory: FUSE without anybody who reads its requests.
private final class StalledFileSystem {
    private let directory: String
    private let device: OwnedDescriptor

    init(on directory: String) throws {
        try FileSystem.makeDirectories(FilePath(directory))
        _ = try run("modprobe", ["fuse"])
        self.directory = directory
        device = try OwnedDescriptor(opening: "/dev/fuse", flags: O_RDWR)
        let options = "fd=\(device.rawValue),rootmode=40000,user_id=0,group_id=0"
        // SAFETY: the strings live for the calls.
        try #require(unsafe mount("stalled", directory, "fuse", 0, options) == 0)
    }

    deinit { _ = unsafe umount2(directory, CInt(MNT_DETACH)) }
}

/// A volume, or the store, lies where nothing answers.
@Suite(.needsKVM, .serialized) struct StalledVolumeTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    @Test func itIsRefusedInTimeAndHoldsNobodyUp() throws {
        let directory = "\(host.directory)/stalled"
        let stalled = try StalledFileSystem(on: directory)
        defer { withExtendedLifetime(stalled) {} }
        let bystander = try host.runDetached([], ["sleep", "1000"])
        let refused = try host.run(["-v", "\(directory):/data"], ["true"])
        #expect(refused.status == 1)
        #expect(refused.error.contains("stalled"), "\(refused.error)")
        #expect(refused.error.contains("has not answered within 15 s"), "\(refused.error)")
        #expect(refused.error.split(separator: "\n").count == 1, "\(refused.error)")
        #expect(try host.czone(["exec", bystander, "true"]).status == 0)
        #expect(try host.containers().map(\.id) == [bystander])
    }

    @Test func aStoreThatIsStalledIsWaitedForNoLonger() throws {
        let container = try host.runDetached([], ["sleep", "1000"])
        let stalled = try StalledFileSystem(on: "\(host.directory)/store")
        let start = { [host] in try host.start($0) }
        let asking = try [
            ["run", "--rm", host.image, "true"], ["image", "list"], ["image", "import", host.image],
            ["template", "list"], ["template", "create", host.image], ["exec", "-u", "root", container, "true"],
        ].map(start)
        // What needs no store does not notice.
        for command in [["ps"], ["stats"], ["vm", "list"], ["zones"], ["metrics"], ["exec", container, "true"]] {
            let result = try start(command).result(within: 30)
            #expect(!result.timedOut && result.status == 0, "\(command) \(result.error)")
        }
        for command in asking {
            let result = try command.result(within: 15 + 30)
            #expect(!result.timedOut && result.status == 1, "\(result.error)")
            #expect(result.error.contains("store/images"), "\(result.error)")
            #expect(result.error.contains("has not answered within 15 s"), "\(result.error)")
            #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
        }
        // A container goes; its log stays behind.
        let removed = try start(["rm", "--force", container]).result(within: 15 + 30)
        #expect(!removed.timedOut && removed.status == 0, "\(removed.error)")
        #expect(removed.error.contains("is left behind"), "\(removed.error)")
        #expect(try host.containers().isEmpty)
        withExtendedLifetime(stalled) {}
    }
}
