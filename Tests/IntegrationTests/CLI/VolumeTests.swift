import LinuxSystem
import TestSupport
import Testing

/// Files and directories of the host in containers.
@Suite(.needsKVM, .serialized, .sharedContainerHost) struct VolumeTests {
    private let host: ContainerHost
    private let directory: TemporaryDirectory

    init() throws {
        host = try ContainerHost.shared()
        directory = try TemporaryDirectory()
        try FileSystem.makeDirectory(path("v"), mode: 0o755)
        // Others than root go through it.
        try #require(try TestSupport.run("chmod", ["755", directory.path]).status == 0)
    }

    private func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    private func write(_ name: String, _ contents: String) throws {
        try FileSystem.replace(path(name), with: Array(contents.utf8), mode: 0o644)
    }

    private func read(_ name: String) throws -> String {
        String(decoding: try #require(try FileSystem.contents(of: path(name), atMost: 1 << 20)), as: UTF8.self)
    }

    @Test func directoriesAndFilesAreReadAndWritten() throws {
        try write("v/old", "from the host\n")
        try write("one", "one file\n")
        let script = """
            set -e
            cat /data/old /one; echo more >>/one
            mkdir -p /data/sub/deep; echo from the container >/data/sub/deep/new; ln -s deep /data/sub/link
            cat /data/sub/link/new; mv /data/old /data/sub/moved; rm /data/sub/link; ls /data /data/sub
            stat -c '%u:%g %a' /data/sub/deep/new; mount | grep -c virtiofs
            """
        let volumes = ["-v", "\(path("v")):/data", "-v", "\(path("one")):/one", "-u", "1000:2000"]
        try #require(try TestSupport.run("chmod", ["a+rwX", path("v"), path("one")]).status == 0)
        let result = try host.run(volumes, ["sh", "-c", script])
        #expect(result.status == 0, "\(result.error)")
        let expected = [
            "from the host", "one file", "from the container", "/data:", "sub", "", "/data/sub:", "deep", "moved",
            "1000:2000 644", "2",
        ]
        #expect(result.output == expected.joined(separator: "\n") + "\n")
        #expect(try read("v/sub/deep/new") == "from the container\n")
        #expect(try read("v/sub/moved") == "from the host\n")
        #expect(try read("one") == "one file\nmore\n")
        let owner = try TestSupport.run("stat", ["-c", "%u:%g", path("v/sub/deep/new")]).output
        #expect(owner == "1000:2000\n")
    }

    @Test func aReadOnlyVolumeStaysAsItIs() throws {
        try write("v/file", "file\n")
        let script = """
            cat /data/file
            for what in 'echo x >/data/file' 'touch /data/new' 'rm /data/file' 'mkdir /data/d' 'chmod 0 /data/file' \
                'mv /data/file /data/x' 'mount -o remount,rw /data && touch /data/new'; do
                sh -c "$what" 2>/dev/null && echo "done: $what"
            done
            true
            """
        let result = try host.run(
            ["-v", "\(path("v")):/data:ro", "--cap-add", "ALL"], ["sh", "-c", script])
        #expect(result.output == "file\n", "\(result.error)")
        #expect(try FileSystem.names(in: path("v")) == ["file"])
        #expect(try read("v/file") == "file\n")
    }

    @Test func aConfigurationThatIsSwappedIsSeenAtOnce() throws {
        for (name, contents) in [("1", "old\n"), ("2", "new\n")] {
            try FileSystem.makeDirectory(path("v/..\(name)"), mode: 0o755)
            try write("v/..\(name)/key", contents)
        }
        try FileSystem.makeLink(path("v/..data"), to: "..1")
        try FileSystem.makeLink(path("v/key"), to: "..data/key")
        let name = try host.runDetached(["-v", "\(path("v")):/config:ro"], ["sleep", "1000"])
        let see = ["exec", name, "cat", "/config/key"]
        #expect(try host.czone(see).output == "old\n")
        try FileSystem.makeLink(path("v/..tmp"), to: "..2")
        try FileSystem.rename(path("v/..tmp"), to: path("v/..data"))
        _ = try TestSupport.run("rm", ["-r", path("v/..1")])
        #expect(try host.czone(see).output == "new\n")
    }

    @Test func linksLeadNowhereOnTheHost() throws {
        try write("secret", "secret\n")
        try FileSystem.makeLink(path("v/absolute"), to: path("secret"))
        try FileSystem.makeLink(path("v/relative"), to: "../secret")
        let script = """
            ln -s ../../../../..\(path("secret")) /data/own
            for link in absolute relative own; do cat /data/$link /data/$link/../secret && echo escaped; done
            ls /run/czone-agent 2>/dev/null && echo found; cat /data/../secret; true
            """
        let result = try host.run(["-v", "\(path("v")):/data"], ["sh", "-c", script])
        #expect(result.output.isEmpty, "\(result.output)")
        // Another container of the same VM, with and without a volume of its own.
        try FileSystem.makeDirectory(path("w"), mode: 0o755)
        try write("v/mine", "mine\n")
        let owner = try host.runDetached(["-v", "\(path("v")):/data"], ["sleep", "1000"])
        let look = "ls /data; mount | grep -c virtiofs; find / -xdev -name mine"
        #expect(try host.run(["-v", "\(path("w")):/data"], ["sh", "-c", look]).output == "1\n")
        #expect(try host.run([], ["sh", "-c", look]).output == "0\n")
        #expect(try host.czone(["exec", owner, "cat", "/data/mine"]).output == "mine\n")
        #expect(try host.machines().count == 1)
    }

    @Test func twoContainersShareADirectory() throws {
        let volume = ["-v", "\(path("v")):/data"]
        let one = try host.runDetached(
            volume, ["sh", "-c", "echo ready >/data/ready; sleep 1000"])
        #expect(try host.waits { try FileSystem.contents(of: path("v/ready"), atMost: 100)?.isEmpty == false })
        let two = try host.runDetached(volume, ["sleep", "1000"])
        #expect(try host.machines().count == 1)
        #expect(try host.czone(["exec", two, "cat", "/data/ready"]).output == "ready\n")
        for round in 0..<3 {
            #expect(try host.czone(["exec", one, "sh", "-c", "echo \(round) >/data/number"]).status == 0)
            #expect(try host.czone(["exec", two, "cat", "/data/number"]).output == "\(round)\n")
        }
        try write("v/number", "host\n")
        #expect(try host.czone(["exec", one, "cat", "/data/number"]).output == "host\n")
        // The first goes, with what it has read in its zone; the other reads on.
        #expect(try host.czone(["rm", "-f", one]).status == 0)
        #expect(try host.czone(["exec", two, "cat", "/data/ready"]).output == "ready\n")
        #expect(try host.waits { try host.machines().first?.zones.plugged == 1 })
        #expect(try host.machines().first?.zones.quarantined == 0)
    }

    @Test func largeAndManyFilesAreWholeAndEverythingIsReleased() throws {
        let keeper = try host.runDetached([], ["sleep", "1000"])
        let machine = try #require(try host.machines().first)
        let before = try FileSystem.names(in: "/proc/\(machine.pid)/fd")?.count
        let make =
            "head -c 20000000 /dev/urandom >\(path("v/large")); mkdir \(path("v/many")); cd \(path("v/many"));"
            + "for i in $(seq 400); do echo $i >$i; done"
        try #require(try TestSupport.run("sh", ["-c", make]).status == 0)
        let script = """
            sha256sum </data/large; cp /data/large /data/copy; cat /data/many/* | sort -n | sha256sum
            mkdir /data/more; for i in $(seq 200); do echo $i >/data/more/$i; done; ls /data/more | wc -l
            """
        // 620 files and 60 MB, through an emulated processor.
        let result = try host.run(["-v", "\(path("v")):/data"], ["sh", "-c", script], within: 400)
        try #require(result.status == 0, "\(result.status): \(result.error)")
        let check =
            "cd \(path("v")); sha256sum <copy; cat many/* | sort -n | sha256sum; ls more | wc -l; cmp large copy"
        let expected = try TestSupport.run("sh", ["-c", check]).output
        #expect(result.output == expected, "\(result.error)")
        #expect(try host.waits { try host.machines().first?.zones.plugged == 1 })
        #expect(try host.machines().first?.zones.quarantined == 0)
        #expect(try host.waits { try FileSystem.names(in: "/proc/\(machine.pid)/fd")?.count == before })
        #expect(try host.czone(["exec", keeper, "true"]).status == 0)
    }
}
