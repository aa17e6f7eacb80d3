import Glibc
import LinuxSystem
import TestSupport
import Testing

/// A volume whose file system answers nothing: a FUSE file system without anybody who reads its requests.
@Suite(.needsKVM, .serialized) struct StalledVolumeTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    @Test func itIsRefusedInTimeAndHoldsNobodyUp() throws {
        let directory = "\(host.directory)/stalled"
        try FileSystem.makeDirectory(directory)
        _ = try run("modprobe", ["fuse"])
        let device = try OwnedDescriptor(opening: "/dev/fuse", flags: O_RDWR)
        let options = "fd=\(device.rawValue),rootmode=40000,user_id=0,group_id=0"
        // SAFETY: the strings live for the calls.
        try #require(unsafe mount("stalled", directory, "fuse", 0, options) == 0)
        defer { _ = unsafe umount2(directory, CInt(MNT_DETACH)) }

        let bystander = try host.runDetached([], ["sleep", "1000"])
        let refused = try host.run(["-v", "\(directory):/data"], ["true"])
        #expect(refused.status == 1)
        #expect(refused.error.contains("stalled"), "\(refused.error)")
        #expect(refused.error.contains("has not answered within 15 s"), "\(refused.error)")
        #expect(refused.error.split(separator: "\n").count == 1, "\(refused.error)")
        #expect(try host.czone(["exec", bystander, "true"]).status == 0)
        #expect(try host.containers().map(\.id) == [bystander])
    }
}
