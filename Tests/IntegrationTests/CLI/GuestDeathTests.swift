import LinuxSystem
import Runtime
import TestSupport
import Testing

/// A guest that dies ends its VM with a reason that every client receives.
@Suite(.needsKVM, .serialized) struct GuestDeathTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    @Test func anAgentThatIsKilledEndsItsVM() throws {
        let environment = host.environment.merging(["CZONE_INITRAMFS": try host.makeInitramfs(doing: "kill -9 $agent")])
        {
            $1
        }
        let result = try Program(
            "czone", ["run", "--rm", host.image, "sleep", "1000"], environment: environment
        ).result()
        #expect(result.status == 255, "\(result.error)")
        #expect(result.error.contains("its VM ended: the guest's agent is lost"), "\(result.error)")
        #expect(result.error.split(separator: "\n").count == 1, "\(result.error)")
        #expect(try host.containers().isEmpty)
        // Its process reports the end before it ends itself.
        #expect(try host.waits { try host.machines().isEmpty })
        #expect(try host.isClean())
        #expect(try host.run([], ["true"]).status == 0)
    }

    @Test func aPanicEndsTheVMForAllOfItsContainers() throws {
        // The second container is the one that the initramfs waits for.
        let deed = """
            until [ $(busybox cat /proc/$agent/root/sys/fs/cgroup/containers/*/cgroup.procs | busybox wc -l) -ge 2 ]; do
              busybox sleep 0.2
            done
            busybox sleep 1
            echo c >/proc/sysrq-trigger
            """
        let environment = host.environment.merging(["CZONE_INITRAMFS": try host.makeInitramfs(doing: deed)]) { $1 }
        let started = try Program(
            "czone", ["run", "--detach", host.image, "sleep", "1000"], environment: environment
        ).result()
        let kept = String(started.output.prefix { $0 != "\n" })
        let result = try Program("czone", ["run", "--rm", host.image, "sleep", "1000"], environment: environment)
            .result()
        #expect(result.status == 255, "\(result.error)")
        #expect(result.error.contains("its VM ended: the guest's kernel panicked"), "\(result.error)")
        let ended = try #require(try host.containers().first { $0.id == kept })
        #expect(ended.exit?.code == 255)
        #expect(ended.exit?.reason.contains("the guest's kernel panicked") == true, "\(String(describing: ended.exit))")
        #expect(try host.czone(["rm", kept]).status == 0)
        #expect(try host.isClean())
    }
}
