import AgentProtocol
import ControlProtocol
import LinuxSystem
import SystemPackage
import Testing
import Virtio
import Zones

@testable import Supervisor

/// What a VM counts, and how it answers `metrics`.
@Suite struct MetricsTests {
    private func metrics(_ bench: SupervisorBench) throws -> VirtualMachineMetrics {
        let client = try bench.client()
        try client.send(.metrics)
        guard case .metrics(let metrics)? = try client.next() else { throw SystemError("ask", .invalidArgument) }
        return metrics
    }

    private func count(_ event: CountedEvent, _ metrics: VirtualMachineMetrics) -> UInt64 {
        metrics.counts.first { $0.event == event }?.value ?? 0
    }

    @Test func aContainersLifeIsCounted() throws {
        let bench = try SupervisorBench()
        let (client, number) = try bench.run("a", zone: 128 << 20)
        var seen = try metrics(bench)
        #expect(count(.start, seen) == 1)
        #expect(count(.plug, seen) == 1)
        #expect(seen.stages.map(\.stage).count == StartStage.allCases.count)
        #expect(seen.stages.allSatisfy { $0.counts.reduce(0, +) == 1 })
        #expect(seen.containers.map(\.id) == ["a"])
        #expect(seen.containers.map(\.number) == [number.rawValue])
        try bench.say(Exited.bench(number, status: 0))
        #expect(try client.exit().code == 0)
        seen = try metrics(bench)
        #expect(count(.exit(.completed), seen) == 1)
        #expect(count(.unplug, seen) == 0)
    }

    @Test(
        arguments: [
            (0, CountedEvent.ExitKind.completed), (3 << 8, .failed), (9, .signalled),
        ] as [(Int32, CountedEvent.ExitKind)])
    func endsAreCountedByTheirKind(status: Int32, kind: CountedEvent.ExitKind) throws {
        let bench = try SupervisorBench()
        let (_, number) = try bench.run("a", endsWithConnection: false)
        try bench.say(Exited.bench(number, status: status))
        #expect(count(.exit(kind), try metrics(bench)) == 1)
    }

    @Test func memoryThatIsNotEnoughIsCounted() throws {
        let bench = try SupervisorBench()
        let (_, number) = try bench.run("a", endsWithConnection: false)
        for _ in 0..<3 { try bench.say(OutOfMemory(container: number, kills: .max)) }
        // Of a container that there is not.
        try bench.say(OutOfMemory(container: ContainerNumber(77), kills: 1))
        let seen = try metrics(bench)
        #expect(count(.outOfMemory, seen) == 3)
        #expect(seen.containers.map(\.outOfMemory) == [3])
    }

    @Test func whatAGuestDoesAgainstTheRulesIsCounted() throws {
        let bench = try SupervisorBench()
        for _ in 0..<1000 { bench.machine.faultObserver?.device(.network, brokeProtocol: "a bad\nchain") }
        bench.machine.faultObserver?.device(.memory, brokeProtocol: "an unknown request")
        var seen = try metrics(bench)
        #expect(count(.violation(.network), seen) == 1000)
        #expect(count(.violation(.memory), seen) == 1)
        // Few of them were logged, and those that were not are counted too.
        let suppressed = count(.suppressedLine, seen)
        #expect(suppressed > 900 && suppressed < 1000)
        // The agent's connection breaks off.
        try bench.say(bytes: Array(repeating: 0xff, count: 64))
        seen = try metrics(bench)
        #expect(count(.violation(.agent), seen) == 1)
    }

    @Test func aZoneThatIsNotEmptiedIsCounted() throws {
        let bench = try SupervisorBench()
        _ = try bench.run("a", zone: 128 << 20)
        let zone = try #require(bench.supervisor.zones.all.first)
        zone.quarantine(.notEmpty)
        zone.quarantine(.timeout)
        let seen = try metrics(bench)
        #expect(count(.quarantine(.notEmpty), seen) == 1)
        #expect(count(.quarantine(.timeout), seen) == 0)
        #expect(seen.description.zones.map(\.state).first == .quarantined)
    }

    @Test func whatClientsAskInVainIsCounted() throws {
        let bench = try SupervisorBench()
        let client = try bench.client()
        try client.send(.start(container: "nobody"))
        #expect(try client.refusal().reason == .notFound)
        try client.socket.send([1, 0, 0, 0, 0, 0, 0, 0, 255])
        let seen = try metrics(bench)
        #expect(count(.refusal(.notFound), seen) == 1)
        #expect(count(.malformedRequest, seen) == 1)
    }

    @Test func aSilentAgentKeepsNobodyFromMetrics() throws {
        let bench = try SupervisorBench(isSetUp: false)
        #expect(try metrics(bench).description.state == .booting)
    }
}
