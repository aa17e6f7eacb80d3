import AgentProtocol
import LinuxSystem
import Runtime
import TestSupport
import Testing

/// Containers without a limit: their zones grow with what they use, and shrink.
@Suite(.needsKVM, .serialized) struct ElasticZoneTests {
    private let host: ContainerHost
    private static let block: UInt64 = 128 << 20

    init() throws { host = try ContainerHost() }

    private func plugged(_ container: String) throws -> UInt64 {
        try host.usages().first { $0.id == container }?.zone.pluggedBytes ?? 0
    }

    @Test func aZoneGrowsWithItsContainerAndComesBackWhole() throws {
        let fill = "head -c 400000000 /dev/zero >/tmp/x; touch /tmp/done; sleep 1000"
        let name = try host.runDetached([], ["sh", "-c", fill])
        #expect(try host.waits(atMost: 60) { try host.czone(["exec", name, "cat", "/tmp/done"]).status == 0 })
        #expect(try plugged(name) >= 512 << 20)
        // The VM's own bound has grown with it.
        let limit = "/sys/fs/cgroup/czone/\(try host.machineDirectory().id)/memory.max"
        let bytes = try FileSystem.contents(of: limit, atMost: 64) ?? []
        let max = try #require(UInt64(String(decoding: bytes.dropLast(), as: UTF8.self)))
        #expect(try max >= plugged(name))
        #expect(try host.placement(of: name).outsideZone == 0)
        #expect(try host.czone(["zones"]).output.contains("plugged"))
        #expect(try host.czone(["exec", name, "sh", "-c", "wc -c </tmp/x"]).output == "400000000\n")
        #expect(try host.czone(["rm", "-f", name]).status == 0)
        #expect(try host.waits { try host.machines().first?.zones.plugged == 0 })
        let machine = try #require(try host.machines().first)
        #expect(machine.zones.quarantined == 0)
        #expect(machine.memory.zonesResidentBytes < 1 << 20)
    }

    /// Patch 0030. What is left lies among what goes, in all blocks.
    @Test func aShrinkingZoneKeepsItsPages() throws {
        let script = """
            i=0; while [ $i -lt 40 ]; do
              head -c 10000000 /dev/zero >/tmp/gone$i; head -c 700000 /bin/busybox >/tmp/kept$i; i=$((i+1))
            done
            cat /tmp/kept* | sha256sum >/tmp/before; rm /tmp/gone*; touch /tmp/done; sleep 1000
            """
        let name = try host.runDetached([], ["sh", "-c", script])
        #expect(try host.waits(atMost: 60) { try host.czone(["exec", name, "cat", "/tmp/done"]).status == 0 })
        #expect(try host.waits { try plugged(name) == Self.block })
        #expect(
            try host.czone(["exec", name, "sh", "-c", "cat /tmp/kept* | sha256sum | cmp - /tmp/before"]).status == 0)
        #expect(try host.placement(of: name).outsideZone == 0)
        // And again.
        #expect(try host.czone(["exec", name, "sh", "-c", "head -c 300000000 /dev/zero >/tmp/x"]).status == 0)
        #expect(try plugged(name) >= 384 << 20)
    }

    @Test func oneThatAsksForEverGetsItsMaximumAndNoMore() throws {
        let sibling = try host.runDetached([], ["sleep", "1000"])
        let script = """
            CZONE_ZONE_MAX=384M czone run --name greedy $IMAGE tail /dev/zero
            """
        let result = try host.shell(script)
        #expect(result.status == 137, "\(result.error)")
        #expect(result.error.contains("killed: it needed more than its zone of 384 MiB"), "\(result.error)")
        #expect(try host.czone(["exec", sibling, "true"]).status == 0)
        #expect(try host.machines().allSatisfy { $0.zones.quarantined == 0 })
    }

    /// For CZONE_GROWTH_SECONDS (20; the promise is 600).
    @Test func sixteenGrowAndShrinkInTurns() throws {
        let seconds = CurrentProcess.environment("CZONE_GROWTH_SECONDS").flatMap { UInt64($0) } ?? 20
        let names = try (0..<16).map { _ in try host.runDetached([], ["sleep", "10000"]) }
        #expect(try host.machines().count == 1)
        let end = MonotonicClock.nanoseconds + seconds * 1_000_000_000
        var rounds = 0
        repeat {
            // While one grows, those before shrink.
            for name in names {
                let script = "head -c 120000000 /dev/zero >/tmp/x && rm /tmp/x"
                #expect(try host.czone(["exec", name, "sh", "-c", script]).status == 0)
            }
            #expect(try host.waits { try host.usages().allSatisfy { $0.zone.pluggedBytes == Self.block } })
            rounds += 1
        } while MonotonicClock.nanoseconds < end
        print("\(rounds) rounds of 16 containers")
        for name in names { #expect(try host.czone(["rm", "-f", name]).status == 0) }
        #expect(try host.waits { try host.machines().first?.zones.plugged == 0 })
        let machine = try #require(try host.machines().first)
        #expect(machine.zones.quarantined == 0)
        #expect(machine.memory.zonesResidentBytes < 1 << 20)
    }

    @Test func containersThatEndWhileTheyGrowLeaveNothing() throws {
        _ = try host.run([], ["true"])
        for milliseconds in [50, 150, 250, 350, 450, 550] as [Int32] {
            let name = try host.runDetached([], ["tail", "/dev/zero"])
            _ = try wait(for: [], timeoutInMilliseconds: milliseconds)
            _ = try host.czone(["rm", "-f", name])
        }
        #expect(try host.waits { try host.machines().first?.zones.plugged == 0 })
        #expect(try host.machines().first?.zones.quarantined == 0)
    }
}
