import Glibc
import LinuxSystem
import Runtime
import TestSupport
import Testing

/// The walls around a VM that runs, as the host's kernel shows them.
@Suite(.needsKVM, .serialized) struct JailTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    @Test func everyWallHoldsAroundAVMAndWhatServesItsVolumes() throws {
        try FileSystem.makeDirectory("\(host.directory)/v")
        _ = try host.runDetached(["-v", "\(host.directory)/v:/data"], ["sleep", "1000"])
        let machine = try host.machineDirectory()
        let walls = try machine.walls()
        #expect(walls.count == 7)
        for wall in walls { #expect(wall.holds, "\(wall)") }
        let served = try #require(try machine.fileServerWalls())
        #expect(served.count == 5)
        for wall in served { #expect(wall.holds, "\(wall)") }
        let inspected = try host.czone(["vm", "inspect", machine.id]).output
        #expect(inspected.components(of: "\"holds\" : true") == 12, "\(inspected)")
        #expect(inspected.components(of: "\"holds\" : false") == 0, "\(inspected)")
    }

    @Test func noTwoVMsHaveTheSameUser() throws {
        _ = try host.runDetached(["--function", "one"], ["sleep", "1000"])
        _ = try host.runDetached(["--function", "other"], ["sleep", "1000"])
        let users = try host.machines().map { machine in
            try #require(WallInspection(of: machine.pid)?.ofMachine.first { $0.wall == "user of its own" }).finding
        }
        #expect(Set(users).count == 2, "\(users)")
    }

    /// Each descriptor is of a kind that a VM needs, and writable only where it writes.
    @Test func aVMsDescriptorsAreThoseThatItNeeds() throws {
        let container = try host.runDetached([], ["sleep", "1000"])
        let machine = try host.machineDirectory()
        let process = try #require(try machine.processID())
        let kinds: [(prefix: String, mayWrite: Bool)] = [
            ("/dev/null", true), ("/dev/kvm", true), ("anon_inode:", true), ("socket:", true),
            ("\(machine.path)/console.log", true), ("\(machine.path)/monitor.log", true),
            ("\(host.directory)/store/logs/", true), ("\(machine.path)/lock", false),
            ("/sys/fs/cgroup/", true), ("\(host.registry)/users/", false), ("\(host.directory)/store/images/", false),
            ("/proc/\(process)/smaps_rollup", false), ("/proc/\(process)/pagemap", false),
            ("/proc/meminfo", false), ("\(host.registry)/containers/\(container)/exit", true),
        ]
        var examined = 0
        for number in try #require(try FileSystem.names(in: "/proc/\(process)/fd")) {
            // One that was open for a moment only, as a control group's file, may be closed by now.
            guard let target = FileSystem.target(ofLink: "/proc/\(process)/fd/\(number)") else { continue }
            let kind = kinds.first { target.hasPrefix($0.prefix) }
            #expect(kind != nil, "descriptor \(number) is \(target)")
            let information = try FileSystem.contents(of: "/proc/\(process)/fdinfo/\(number)", atMost: 4096) ?? []
            let flags = String(decoding: information, as: UTF8.self).split(separator: "\n")
                .first { $0.hasPrefix("flags:") }
                .flatMap { Int32($0.split(separator: "\t").last ?? "", radix: 8) }
            guard let flags else { continue }
            examined += 1
            let isWritable = flags & O_ACCMODE != O_RDONLY
            #expect(kind?.mayWrite == true || !isWritable, "descriptor \(number), \(target), can be written to")
        }
        #expect(examined > 10)
    }

    /// Version 2: what the host's accounts say of a VM, and the limit that follows its zones.
    @Test func aVMIsInAGroupWhoseLimitFollowsItsZones() throws {
        let keeper = try host.runDetached(["-m", "128M"], ["sleep", "1000"])
        let machine = try host.machineDirectory()
        let group = "/sys/fs/cgroup/czone/\(machine.id)"
        func read(_ name: String) throws -> String {
            let bytes = try FileSystem.contents(of: "\(group)/\(name)", atMost: 4096) ?? []
            return String(decoding: bytes, as: UTF8.self)
        }
        func limit() throws -> UInt64? { UInt64(try read("memory.max").dropLast()) }
        let process = try #require(try machine.processID())
        #expect(try read("cgroup.procs").split(separator: "\n").contains("\(process)"))
        #expect(try read("memory.oom.group") == "1\n")
        #expect(try #require(Int(try read("pids.max").dropLast())) < 64)
        let before = try #require(try limit())
        #expect(before == (try machine.record()?.memoryInBytes ?? 0) + (64 << 20) + (128 << 20))
        #expect(try host.run(["-m", "256M"], ["cat", "/proc/self/status"]).status == 0)
        _ = try host.runDetached(["-m", "128M"], ["sleep", "1000"])
        #expect(try host.waits { try limit() == before + (128 << 20) })
        sendSignal(SIGKILL, to: process)
        // The VM of the larger zone stays as long as idle ones do.
        #expect(try host.waits { try !host.machines().contains { $0.id == machine.id } })
        #expect(try FileSystem.status(group) == nil)
        #expect(try host.czone(["rm", keeper]).status == 0)
    }

    /// Such a group passes no controller on, and must not become one of threads by trying.
    @Test func aVMRunsBelowAGroupWithProcessesOfItsOwn() throws {
        let script = """
            set -e
            group=$(mktemp -d /sys/fs/cgroup/czone-test.XXXXXX)
            sleep 1000 & sleeper=$!
            trap 'kill $sleeper; wait $sleeper || true; czone vm stop --all >/dev/null; rmdir $group' EXIT
            echo $sleeper >$group/cgroup.procs
            CZONE_CGROUP_PARENT=${group#/sys/fs/cgroup} czone run --rm --function below $IMAGE echo works
            cat $group/cgroup.type
            """
        let result = try host.shell(script)
        #expect(result.status == 0, "\(result.error)")
        #expect(result.output == "works\ndomain\n")
    }

    /// The process that serves volumes dies: its containers get errors, and the next one has another.
    @Test func anotherProcessServesVolumesWhereOneHasDied() throws {
        try FileSystem.makeDirectory("\(host.directory)/v")
        let volume = ["-v", "\(host.directory)/v:/data"]
        let first = try host.runDetached(volume, ["sleep", "1000"])
        #expect(try host.czone(["exec", first, "touch", "/data/one"]).status == 0)
        let machine = try host.machineDirectory()
        let number = try FileSystem.contents(of: "\(machine.path)/files-pid", atMost: 32) ?? []
        let server = try #require(Int32(String(decoding: number.prefix { $0 != 0x0A }, as: UTF8.self)))
        sendSignal(SIGKILL, to: server)
        #expect(try host.czone(["exec", first, "touch", "/data/two"]).status != 0)
        #expect(try host.run(volume, ["touch", "/data/three"]).status == 0)
        #expect(try host.machines().count == 1)
        #expect(try FileSystem.status("\(host.directory)/v/three") != nil)
    }
}

extension String {
    /// How often a text occurs.
    fileprivate func components(of text: String) -> Int { ranges(of: text).count }
}
