import LinuxSystem
import SystemPackage
import TestSupport
import Testing

/// A registry on a disk that has no room left.
@Suite(.needsKVM, .serialized) struct FullDiskTests {
    private let host: ContainerHost

    init() throws {
        host = try ContainerHost()
        try FileSystem.makeDirectory(host.registry)
    }

    /// The record's room was reserved when the disk had some.
    @Test func aContainersEndIsRecordedOnAFullDisk() throws {
        let mounted = try run("mount", ["-t", "tmpfs", "-o", "size=8m,mode=700", "tmpfs", host.registry])
        try #require(mounted.status == 0, "\(mounted.error)")
        let logs = "\(host.directory)/store/logs"
        try FileSystem.makeDirectories(FilePath(logs))
        try #require(try run("mount", ["-t", "tmpfs", "-o", "size=1m,mode=700", "tmpfs", logs]).status == 0)
        // The host's own end stops the VM, which has the file systems until then.
        defer {
            _ = try? host.czone(["vm", "stop", "--all"])
            for directory in [host.registry, logs] { _ = try? run("umount", ["--lazy", directory]) }
        }
        let name = try host.runDetached([], ["sh", "-c", "until [ -e /tmp/go ]; do sleep 0.1; done; yes; exit 7"])
        let other = try host.runDetached([], ["sh", "-c", "until [ -e /tmp/go ]; do sleep 0.1; done; exit 7"])
        let fill = try run("dd", ["if=/dev/zero", "of=\(host.registry)/filler", "bs=4k"])
        try #require(fill.error.contains("No space left"), "\(fill.error)")
        for container in [name, other] {
            try #require(try host.czone(["exec", container, "touch", "/tmp/go"]).status == 0)
        }
        #expect(try host.waits { try host.containers().first { $0.id == other }?.exit?.code == 7 })
        // What it cannot log does not stop the other.
        #expect(try host.czone(["kill", name]).status == 0)
        #expect(try host.waits { try host.containers().first { $0.id == name }?.exit?.code == 137 })
    }
}
