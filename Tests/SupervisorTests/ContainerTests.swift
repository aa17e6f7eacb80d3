import AgentProtocol
import ControlProtocol
import LinuxSystem
import Testing
import Zones

@testable import Supervisor

/// A container's life as its clients and the agent see it.
@Suite struct ContainerTests {
    private let block: UInt64 = 128 << 20

    @Test func aContainersZoneComesAndGoesWithIt() throws {
        let bench = try SupervisorBench()
        let (client, number) = try bench.run("a", zone: block)
        let zone = bench.supervisor.zones.all[0]
        #expect(zone.life.state == .online)
        try bench.say(Exited.bench(number))
        #expect(try client.exit().code == 3)
        #expect(zone.life.state == .draining)
        let deletion = try bench.request(DeleteContainer.self)
        #expect(deletion.content.container == number && deletion.content.offlineZone)
        try bench.say(ContainerDeleted(zone: .bench, timings: []), to: deletion.number)
        #expect(zone.life.state == .unplugging && bench.supervisor.containers.count == 1)
        zone.recordPlugged(0)
        #expect(zone.life.isFree && bench.supervisor.containers.isEmpty)
    }

    @Test func whatIsMadeFirstIsStartedOnRequest() throws {
        let bench = try SupervisorBench()
        let client = try bench.client()
        try client.send(.create(CreateRequest(run: .bench("a"), sandbox: "")))
        guard case .accepted? = try client.next() else {
            Issue.record("not accepted")
            return
        }
        let (made, create) = try bench.request(CreateContainer.self)
        #expect(!create.start)
        try client.send(.start(container: "a"))
        #expect(try client.refusal().text == "the container a does not wait for its start: it is being created")
        try bench.say(.bench, to: made)
        #expect(try client.next() == .done)
        try client.send(.pause(container: "a", paused: true))
        #expect(try client.refusal().text == "the container a is created")
        try client.send(.start(container: "a"))
        try bench.say(.bench, to: try bench.request(StartContainer.self).number)
        guard case .started? = try client.next() else {
            Issue.record("not started")
            return
        }
        #expect(bench.supervisor.containers["a"]?.life.state == .running)
    }

    @Test func aClientThatGoesTakesTheContainersWithItThatShallNotOutliveIt() throws {
        let bench = try SupervisorBench()
        let (first, number) = try bench.run("first")
        let (second, _) = try bench.run("second", endsWithConnection: false)
        try first.close()
        try second.close()
        #expect(try bench.request(DeleteContainer.self).content.container == number)
        #expect(try !bench.wasAsked(.deleteContainer))
        #expect(bench.supervisor.containers["second"]?.life.state == .running)
    }

    @Test func aClientThatGoesTakesTheProcessesWithItThatShallNotOutliveIt() throws {
        let bench = try SupervisorBench()
        let (_, number) = try bench.run("a", endsWithConnection: false)
        let (client, other) = (try bench.client(), try bench.client())
        try client.send(.execute(.bench("a")))
        try client.send(.execute(.bench("a", endsWithConnection: false)))
        try other.send(.execute(.bench("a")))
        // The first has started; of the second and third nothing is known yet.
        try bench.say(.bench, to: try bench.request(Execute.self).number)
        try client.close()
        let killed = try bench.request(SendSignal.self).content
        #expect(killed == SendSignal(container: number, process: ProcessNumber(1), signal: 9))
        #expect(try !bench.wasAsked(.signal))
        try other.close()
        #expect(try bench.request(SendSignal.self).content.process == ProcessNumber(3), "before its start is answered")
        #expect(bench.supervisor.containers["a"]?.life.state == .running)
    }

    @Test func aRefusedContainerLeavesNothing() throws {
        let bench = try SupervisorBench()
        let client = try bench.client()
        try client.send(.run(.bench("a", zone: 1 << 40)))
        #expect(try client.refusal().reason == .invalid)
        try client.send(.run(.bench("a", descriptors: .log)))
        #expect(try client.refusal().text == "1 descriptors were announced and did not come")
        try client.send(.run(.bench("")))
        #expect(try client.refusal().text == "a container's id is empty")
        #expect(bench.supervisor.containers.isEmpty)
        #expect(bench.supervisor.zones.all.allSatisfy { $0.life.isFree })
    }
}
