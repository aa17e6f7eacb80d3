import AgentProtocol
import ControlProtocol
import LinuxSystem
import Machine
import Testing
import Virtio
import Zones

@testable import Supervisor

/// An agent that takes its requests and goes silent at one message of a container's life: everybody who waits gets an
/// answer, and what the silence may have left behind is out of use.
@Suite struct SilentAgentTests {
    private let block: UInt64 = 128 << 20

    /// Lets time pass.
    private func pass(_ seconds: UInt64, on bench: SupervisorBench) throws {
        bench.supervisor.deadlines.advance(byMilliseconds: seconds * 1000)
        try bench.pump()
    }

    @Test func beforeItsHelloTheMachineEnds() throws {
        let bench = try SupervisorBench(greets: false)
        let client = try bench.client()
        try client.send(.run(.bench("a", zone: block)))
        guard case .accepted? = try client.next() else {
            Issue.record("not accepted")
            return
        }
        try pass(300, on: bench)
        #expect(bench.machine.end == .failed("the guest's agent has not come within 300 s"))
        bench.supervisor.conclude(try #require(bench.machine.end))
        #expect(try client.exit().reason == "its VM ended: the guest's agent has not come within 300 s")
    }

    @Test func atItsSetupTheMachineEnds() throws {
        let bench = try SupervisorBench(isSetUp: false)
        try pass(60, on: bench)
        #expect(bench.machine.end == nil)
        try pass(60, on: bench)
        #expect(bench.machine.end != nil)
    }

    @Test func atACreationTheContainerFailsAndItsZoneIsQuarantined() throws {
        let bench = try SupervisorBench()
        let client = try bench.client()
        try client.send(.run(.bench("a", zone: block)))
        _ = try client.next()
        let created = try bench.request(CreateContainer.self)
        try bench.answerProbes(during: 100)
        let refusal = try client.refusal()
        #expect(refusal.reason == .late && refusal.text == "the guest's agent has not answered within 100 s")
        // It may be made yet, so it is deleted and not only its zone.
        #expect(try bench.request(DeleteContainer.self).content.container == created.content.container)
        let zone = bench.supervisor.zones.all[0]
        #expect(zone.life.state == .draining && bench.supervisor.containers.count == 1)
        // A late answer is no second start.
        try bench.say(.bench, to: created.number)
        #expect(try client.next() == nil)
        try bench.answerProbes(during: 80)
        #expect(zone.life.state == .quarantined(.timeout) && bench.supervisor.containers.isEmpty)
        #expect(bench.machine.end == nil, "the others live on")
    }

    @Test func atAStartTheContainerEnds() throws {
        let bench = try SupervisorBench()
        let client = try bench.client()
        try client.send(.create(CreateRequest(run: .bench("a", zone: block), sandbox: "")))
        _ = try client.next()
        let created = try bench.request(CreateContainer.self).number
        bench.supervisor.zones.all[0].recordPlugged(block)
        try bench.say(.bench, to: created)
        #expect(try client.next() == .done)
        try client.send(.start(container: "a"))
        _ = try bench.request(StartContainer.self)
        try bench.answerProbes(during: 60)
        #expect(try client.refusal().reason == .late)
        #expect(try client.exit().reason == "the guest's agent has not answered within 60 s")
        let deletion = try bench.request(DeleteContainer.self).number
        try bench.say(ContainerDeleted(zone: .bench, timings: []), to: deletion)
        bench.supervisor.zones.all[0].recordPlugged(0)
        #expect(bench.supervisor.zones.all[0].life.isFree, "an agent that is there again returns the zone")
    }

    @Test func atADeletionTheZoneIsQuarantinedAndTheContainerIsGone() throws {
        let bench = try SupervisorBench()
        let (client, _) = try bench.run("a", zone: block)
        let other = try bench.client()
        try other.send(.remove(container: "a"))
        #expect(try client.exit().reason == "removed")
        _ = try bench.request(DeleteContainer.self)
        // What the test itself takes is counted too.
        try bench.answerProbes(during: 60)
        #expect(try other.next() == nil)
        try bench.answerProbes(during: 20)
        #expect(try other.next() == .done)
        let zone = bench.supervisor.zones.all[0]
        #expect(zone.life.state == .quarantined(.timeout) && bench.supervisor.containers.isEmpty)
        // The next one gets another.
        try client.send(.run(.bench("b", zone: block)))
        #expect(try client.next() == .accepted(container: "b", zone: 2))
    }

    @Test func aDriverThatKeepsAnOfflineZoneLosesIt() throws {
        let bench = try SupervisorBench()
        let (_, number) = try bench.run("a", zone: block)
        try bench.say(Exited.bench(number))
        let deletion = try bench.request(DeleteContainer.self).number
        try bench.say(ContainerDeleted(zone: .bench, timings: []), to: deletion)
        let zone = bench.supervisor.zones.all[0]
        #expect(zone.life.state == .unplugging)
        try pass(30, on: bench)
        #expect(zone.life.state == .quarantined(.timeout) && bench.supervisor.containers.isEmpty)
    }

    @Test func aDriverThatTakesNoMoreMemoryLeavesTheZoneAsItIs() throws {
        let bench = try SupervisorBench()
        let (client, _) = try bench.run("a", zone: block)
        try client.send(.resizeZone(container: "a", sizeInBytes: 2 * block))
        try client.send(.resizeZone(container: "a", sizeInBytes: 2 * block))
        #expect(try client.refusal().text == "the zone of a is being resized")
        try pass(30, on: bench)
        #expect(try client.refusal().reason == .late)
        let zone = bench.supervisor.zones.all[0]
        #expect(zone.life.state == .online && zone.life.requestedSizeInBytes == block)
        #expect(bench.machine.zoneDevices[0].requestedSizeInBytes == block)
    }

    @Test func atAnExecutionTheCallerIsRefusedAndTheProcessKilled() throws {
        let bench = try SupervisorBench()
        let (client, number) = try bench.run("a")
        try client.send(.execute(.bench("a")))
        let execution = try bench.request(Execute.self)
        try bench.answerProbes(during: 60)
        #expect(try client.refusal().reason == .late)
        let signal = try bench.request(SendSignal.self).content
        #expect(signal == SendSignal(container: number, process: execution.content.process, signal: 9))
        // It comes late, and ends: nobody waits for it.
        try bench.say(.bench, to: execution.number)
        try bench.say(Exited.bench(number, process: 1))
        #expect(try client.next() == nil)
    }

    @Test func atAPauseTheContainerIsResumed() throws {
        let bench = try SupervisorBench()
        let (client, number) = try bench.run("a")
        try client.send(.pause(container: "a", paused: true))
        try bench.say(Reclaimed(before: 0, after: 0, timings: []), to: try bench.request(Reclaim.self).number)
        try bench.answerProbes(during: 60)
        #expect(try client.refusal().reason == .late)
        #expect(try bench.request(ResumeContainer.self).content.container == number)
        #expect(bench.supervisor.containers["a"]?.life.state == .running)
    }

    @Test(
        arguments: [
            (.pause(container: "a", paused: false), 30),
            (.signal(container: "a", process: 0, signal: 15, all: false), 30),
            (.resizeTerminal(container: "a", process: 0, rows: 1, columns: 1), 30), (.processes(container: "a"), 30),
            (.update(container: "a", limits: ResourceLimits(processesMax: 1)), 30),
            (.placement(container: "a"), 60), (.nodes, 30),
        ] as [(ControlRequest, UInt64)])
    func everyOtherRequestIsRefusedAtItsDeadline(_ request: ControlRequest, _ seconds: UInt64) throws {
        let bench = try SupervisorBench()
        let (client, _) = try bench.run("a")
        try client.send(request)
        try pass(seconds / 2, on: bench)
        #expect(try client.next() == nil)
        try pass(seconds / 2, on: bench)
        let refusal = try client.refusal()
        #expect(refusal.reason == .late && refusal.text == "the guest's agent has not answered within \(seconds) s")
    }

    @Test func aDescriptionDoesWithoutMeasures() throws {
        let bench = try SupervisorBench()
        let (client, _) = try bench.run("a")
        try client.send(.describe(measured: true))
        try pass(8, on: bench)
        guard case .description(let description)? = try client.next() else {
            Issue.record("no description")
            return
        }
        #expect(description.containers.map(\.id) == ["a"] && description.containers[0].measure == nil)
    }

    @Test func aMachineWhoseAgentAnswersNothingEnds() throws {
        let bench = try SupervisorBench()
        let (client, _) = try bench.run("a", zone: block)
        let other = try bench.client()
        try other.send(.remove(container: "a"))
        try pass(60, on: bench)
        try pass(60, on: bench)
        #expect(bench.machine.end == .failed("the guest's agent has answered nothing for 120 s"))
        #expect(try other.next() == .done && client.exit().reason == "removed")
    }

    @Test func atAPowerOffTheMachineEndsByForce() throws {
        let bench = try SupervisorBench()
        let client = try bench.client()
        try client.send(.stop)
        #expect(try client.next() == .done)
        _ = try bench.request(PowerOff.self)
        #expect(bench.machine.end == nil)
        // By a timer of its own, of three seconds.
        while bench.machine.end == nil {
            try #require(try bench.machine.loop.runOnce(timeoutInMilliseconds: 10_000) > 0)
        }
        #expect(bench.machine.end == .stopped)
    }
}
