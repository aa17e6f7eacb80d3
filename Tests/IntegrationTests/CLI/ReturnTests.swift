import AgentProtocol
import ControlProtocol
import LinuxSystem
import TestSupport
import Testing

/// What is left of containers that have ended: nothing, however many there were.
@Suite(.needsKVM, .serialized) struct ReturnTests {
    private let host: ContainerHost

    init() throws { host = try ContainerHost() }

    /// What the VM holds while no container is in it.
    private struct Rest {
        var guestFreeBytes: UInt64
        var hostBytes: UInt64
    }

    private func rest() throws -> Rest {
        let nodes = try host.nodes()
        let memory = try #require(try host.machines().first).memory
        return Rest(
            guestFreeBytes: try #require(nodes.nodes.first { $0.node == 0 }).freeBytes,
            hostBytes: memory.baseResidentBytes + memory.zonesResidentBytes)
    }

    /// Four containers at once: each touches 85 % of its zone, and all end once all have.
    private func cycle(_ number: Int) throws {
        let mebibytes = 128 * 85 / 100
        // In its layer's memory, the zone's; the shell goes on with a line of its input.
        let hold = "dd if=/dev/zero of=/tmp/full bs=1M count=\(mebibytes) 2>/dev/null && echo full; read -r x"
        let script = """
            directory=$(mktemp -d); trap 'rm -rf "$directory"' EXIT
            mkfifo "$directory"/{in,out}{1,2,3,4}
            for i in 1 2 3 4; do
              czone run --rm -i $IMAGE sh -c '\(hold)' <"$directory/in$i" >"$directory/out$i" &
              runs[i]=$!
              exec {input[i]}>"$directory/in$i" {output[i]}<"$directory/out$i"
            done
            for i in 1 2 3 4; do
              read -r word <&${output[i]} && [ "$word" = full ] || { echo "container $i is not full: $word" >&2; exit 1; }
            done
            czone vm list --json
            for i in 1 2 3 4; do echo >&${input[i]}; done
            for i in 1 2 3 4; do wait ${runs[i]} || { echo "container $i ended with $?" >&2; exit 1; }; done
            """
        let result = try host.shell(script, within: 300)
        try #require(result.status == 0, "cycle \(number): \(result.error)")
        let held = result.output.split(separator: "\"zones_resident_bytes\"").last?.drop { !$0.isNumber }.prefix {
            $0.isNumber
        }
        let resident = try #require(held.flatMap { UInt64($0) }, "\(result.output)")
        #expect(resident >= 4 * UInt64(mebibytes) << 20, "cycle \(number)")
        #expect(try host.waits { try host.machines().first?.zones.plugged == 0 }, "cycle \(number)")
        let machine = try #require(try host.machines().first)
        #expect(machine.zones.quarantined == 0, "cycle \(number)")
        // At least 99 % of what the zones held.
        #expect(machine.memory.zonesResidentBytes <= resident / 100, "cycle \(number)")
    }

    /// CZONE_CYCLES says how many containers, other than the promised 100.
    @Test func nothingOfAContainerStays() throws {
        let containers = CurrentProcess.environment("CZONE_CYCLES").flatMap { Int($0) } ?? 100
        try cycle(0)
        let first = try rest()
        for number in 1..<max(2, containers / 4) {
            try cycle(number)
            let now = try rest()
            let summary: Comment = "cycle \(number): \(now), after the first \(first)"
            // Each zone's own count: the kernel also moves pages of the base together now and then (compaction).
            #expect(try host.zoneTimes().allSatisfy { $0.pagesMigrated == 0 }, summary)
            #expect(now.guestFreeBytes + 2 << 20 >= first.guestFreeBytes, summary)
            #expect(now.hostBytes <= first.hostBytes + 2 << 20, summary)
        }
    }
}
