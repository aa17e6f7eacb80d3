import Bench
import LinuxSystem
import Runtime
import TestSupport
import Testing

/// A guest that dies ends its VM with a reason that everybody is told.
@Suite(.needsKVM, .serialized) struct GuestDeathTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    /// An initramfs whose init lets the agent live until a container runs, and kills it then: as PID 1 it could not be.
    private func makeDeadlyInitramfs() throws -> String {
        var archive = CpioArchive()
        for folder in ["bin", "dev", "proc", "root"] { archive.folder(folder) }
        archive.characterDevice("dev/console", major: 5, minor: 1)
        archive.characterDevice("dev/null", major: 1, minor: 3)
        for program in ["busybox", "czone-agent"] {
            let path = try #require(findProgram(program))
            archive.file(
                "bin/\(program)", executable: true, try #require(try FileSystem.contents(of: path, atMost: 16 << 20)))
        }
        let script = """
            #!/bin/busybox sh
            PATH=/bin
            busybox mount -t proc proc /proc
            czone-agent &
            agent=$!
            until busybox grep -q . /proc/$agent/root/sys/fs/cgroup/containers/*/cgroup.procs 2>/dev/null; do
              busybox sleep 0.2
            done
            busybox sleep 1
            kill -9 $agent
            busybox sleep 1000
            """
        archive.file("init", executable: true, Array((script + "\n").utf8))
        let path = host.folder + "/deadly.cpio"
        try FileSystem.replace(path, with: archive.finished())
        return path
    }

    @Test func anAgentThatIsKilledEndsItsVM() throws {
        let environment = host.environment.merging(["CZONE_INITRAMFS": try makeDeadlyInitramfs()]) { $1 }
        let result = try Program(
            "czone", ["run", "--rm", host.image, "sleep", "1000"], environment: environment
        ).result()
        #expect(result.status == 255, "\(result.error)")
        #expect(result.error.contains("its VM ended: the guest's agent is lost"), "\(result.error)")
        #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
        #expect(try host.containers().isEmpty)
        #expect(try host.machines().isEmpty)
        #expect(try host.isClean())
        #expect(try host.run([], ["true"]).status == 0)
    }

    @Test func aPanicEndsTheVMForAllOfItsContainers() throws {
        let kept = try host.runDetached([], ["sleep", "1000"])
        let panic = "mkdir /tmp/p && mount -t proc proc /tmp/p && echo c >/tmp/p/sysrq-trigger; sleep 1000"
        let result = try host.run(["--cap-add", "SYS_ADMIN"], ["sh", "-c", panic])
        #expect(result.status == 255, "\(result.error)")
        #expect(result.error.contains("its VM ended: the guest's kernel panicked"), "\(result.error)")
        let ended = try #require(try host.containers().first { $0.id == kept })
        #expect(ended.exit?.code == 255)
        #expect(ended.exit?.reason.contains("the guest's kernel panicked") == true, "\(String(describing: ended.exit))")
        #expect(try host.czone(["rm", kept]).status == 0)
        #expect(try host.isClean())
    }
}
