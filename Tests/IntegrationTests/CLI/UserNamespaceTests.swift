import LinuxSystem
import TestSupport
import Testing

/// Containers whose users are nobody outside of them.
@Suite(.needsKVM, .serialized, .sharedContainerHost) struct UserNamespaceTests {
    private let host: ContainerHost
    private let directory: TemporaryDirectory

    init() throws {
        host = try ContainerHost.shared()
        directory = try TemporaryDirectory()
        try #require(try TestSupport.run("chmod", ["755", directory.path]).status == 0)
    }

    @Test func itsRootIsNobodyOutside() throws {
        let script = """
            id -u; awk '{print $1, $3, ($2 >= 65536)}' /proc/self/uid_map /proc/self/gid_map
            stat -c '%u:%g' / /bin/busybox /dev /dev/null /dev/shm; touch /made; stat -c '%u:%g' /made
            echo x >/dev/null && echo written; ping -c 1 -W 5 127.0.0.1 >/dev/null && echo pinged; hostname own && hostname
            """
        let result = try host.run(["--userns"], ["sh", "-c", script])
        let lines = result.output.split(separator: "\n").map(String.init)
        #expect(
            lines == ["0", "0 65536 1", "0 65536 1"] + Array(repeating: "0:0", count: 6) + ["written", "pinged"],
            "\(result.output)\(result.error)")
    }

    @Test func oneOfItsUsersIsThatOfTheSpecification() throws {
        let result = try host.run(
            ["--userns", "-u", "1000:100"], ["sh", "-c", "id -u; id -g; touch /tmp/x && echo made"])
        #expect(result.output.hasPrefix("1000\n100\n"), "\(result.output)\(result.error)")
    }

    @Test func furtherProcessesAreInItToo() throws {
        let container = try host.runDetached(["--userns"], ["sleep", "1000"])
        let result = try host.czone([
            "exec", container, "sh", "-c", "id -u; awk '{print $3}' /proc/self/uid_map; stat -c %u /proc/1",
        ])
        #expect(result.output == "0\n65536\n0\n", "\(result.output)\(result.error)")
        #expect(try host.czone(["rm", "--force", container]).status == 0)
    }

    @Test func itsCapabilitiesEndWithIt() throws {
        let script = """
            try() { name=$1; shift; if "$@" 2>/dev/null; then echo "$name worked"; fi; }
            mkdir -p /tmp/m
            try mount mount -t tmpfs x /tmp/m
            try devtmpfs mount -t devtmpfs x /tmp/m
            try node mknod /tmp/node c 1 3
            try priority nice -n -5 true
            date -s 2030-01-01 >/dev/null 2>&1
            try clock test $(date +%Y) = 2030
            echo done
            """
        let result = try host.run(["--userns", "--cap-add", "ALL"], ["sh", "-c", script])
        #expect(result.output == "done\n", "\(result.output)\(result.error)")
    }

    @Test func onVolumesItsUsersAreThemselves() throws {
        try FileSystem.makeDirectory(directory.path + "/v", mode: 0o755)
        let script = "touch /data/root; chown 5:6 /data/root; mkdir /data/d; stat -c '%u:%g' /data /data/root /data/d"
        let result = try host.run(["--userns", "-v", "\(directory.path)/v:/data"], ["sh", "-c", script])
        #expect(result.output == "0:0\n5:6\n0:0\n", "\(result.output)\(result.error)")
        let seen = try TestSupport.run("stat", ["-c", "%u:%g", directory.path + "/v/root", directory.path + "/v/d"])
        #expect(seen.output == "5:6\n0:0\n", "\(seen.output)")
    }
}
