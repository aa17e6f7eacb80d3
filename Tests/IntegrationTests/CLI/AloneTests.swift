import TestSupport
import Testing

/// One container per VM, without zones.
@Suite(.needsKVM, .serialized) struct AloneTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    @Test func aContainerHasItsVMForItself() throws {
        let names = try (0..<2).map { _ in try host.runDetached(["--one-per-vm"], ["sleep", "1000"]) }
        let machines = try host.machines()
        #expect(machines.count == 2)
        #expect(machines.allSatisfy { $0.zones.total == 0 && $0.containers == 1 })
        #expect(try host.czone(["exec", names[0], "cat", "/sys/devices/system/node/online"]).output == "0\n")
        // The VM goes with its container.
        #expect(try host.czone(["rm", "-f", names[0]]).status == 0)
        #expect(try host.waits { try host.machines().count == 1 })
    }

    @Test func nothingOfItsOutputIsLost() throws {
        let script = "i=0; while [ $i -lt 20000 ]; do echo line $i; i=$((i+1)); done; exit 7"
        let result = try host.run(["--one-per-vm"], ["sh", "-c", script])
        #expect(result.status == 7, "\(result.error)")
        #expect(result.output.split(separator: "\n").count == 20_000)
        #expect(result.output.hasSuffix("line 19999\n"))
        let name = try host.runDetached(["--one-per-vm"], ["sh", "-c", "seq 5000"])
        #expect(try host.waits { try host.machines().isEmpty })
        #expect(try host.czone(["logs", name]).output.split(separator: "\n").count == 5000)
    }

    @Test func itsMemoryIsLimited() throws {
        let result = try host.czone(
            ["run", "--name", "greedy", "--one-per-vm", host.image, "sh", "-c", "head -c 500000000 /dev/zero | tail"])
        #expect(result.status == 137, "\(result.error)")
        #expect(result.error.contains("killed: it needed more than its limit of 120 MiB"), "\(result.error)")
    }
}

/// Containers that rest.
@Suite(.needsKVM, .serialized) struct PauseTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    @Test func aRestingContainerGivesItsFreeMemoryBackAndGoesOn() throws {
        let script =
            "head -c 90000000 /dev/zero >/tmp/x; rm /tmp/x; touch /tmp/done; i=0; while :; do i=$((i+1)); echo $i >/tmp/i; done"
        let name = try host.runDetached([], ["sh", "-c", script])
        #expect(try host.waits { try host.czone(["exec", name, "test", "-e", "/tmp/done"]).status == 0 })
        #expect(try host.czone(["pause", name]).status == 0)
        #expect(try host.containers().first?.state == "paused")
        #expect(
            try host.waits(atMost: 20) { try (host.machines().first?.memory.zonesResidentBytes ?? .max) < 30 << 20 })
        #expect(try host.czone(["unpause", name]).status == 0)
        let count = { try Int(host.czone(["exec", name, "cat", "/tmp/i"]).output.dropLast()) ?? 0 }
        let before = try count()
        #expect(try host.waits { try count() > before })
        // What is asked of it wakes it.
        #expect(try host.czone(["pause", name]).status == 0)
        #expect(try host.czone(["exec", name, "echo", "awake"]).output == "awake\n")
        #expect(try host.containers().first?.state == "running")
    }
}
