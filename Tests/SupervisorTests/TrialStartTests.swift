import AgentProtocol
import ControlProtocol
import LinuxSystem
import Machine
import Testing
import Zones

@testable import Supervisor

/// Starts of copies that are nobody's.
@Suite struct TrialStartTests {
    private let block: UInt64 = 128 << 20

    /// The state of a VM that was saved with a process template, and the template's number.
    private func saved() throws -> (state: [UInt8], template: ContainerNumber) {
        let bench = try SupervisorBench.saving()
        let template = try bench.makeTemplate()
        try bench.reach(template.number)
        _ = try bench.answerTrial(usages: [5, 5])
        return (bench.supervisor.savedState, template.number)
    }

    @Test func aVMIsSavedAfterACopyHasRunUntilItRests() throws {
        let bench = try SupervisorBench.saving()
        let template = try bench.makeTemplate()
        try bench.reach(template.number)
        // It works, it works on, it rests.
        let trial = try bench.answerTrial(usages: [300, 600, 605])
        #expect(trial.origin == .copy(of: template.number) && trial.start && trial.zoneBytes == block)
        #expect(trial.specification.namespaces == Namespaces() && trial.specification.mounts.isEmpty)
        #expect(try bench.wasAsked(.settle))
        #expect(bench.supervisor.zones.all.allSatisfy { $0.life.isFree } && bench.supervisor.containers.isEmpty)
        // Its number is not given again.
        let restored = try SupervisorBench { $0.restoredState = bench.supervisor.savedState }
        #expect(try restored.warm("first").create.container.rawValue > trial.container.rawValue)
    }

    @Test func aCopyThatDoesNotRestIsEndedAllTheSame() throws {
        let bench = try SupervisorBench.saving()
        try bench.reach(try bench.makeTemplate().number)
        _ = try bench.answerTrial(usages: (1...10).map { $0 * 1000 })
        #expect(try bench.wasAsked(.settle))
    }

    @Test func aCopyThatEndsByItselfIsNotWaitedFor() throws {
        let bench = try SupervisorBench.saving()
        try bench.reach(try bench.makeTemplate().number)
        _ = try bench.answerTrial(usages: [300, nil])
        #expect(try bench.wasAsked(.settle))
    }

    @Test func noVMIsSavedWithoutOneOfItsZones() throws {
        let bench = try SupervisorBench.saving()
        try bench.reach(try bench.makeTemplate().number)
        _ = try bench.answerTrial(usages: [1, 1], returns: false)
        #expect(try !bench.wasAsked(.settle) && !bench.supervisor.isPurposeFulfilled)
        #expect(bench.machine.end == .failed("the zone of a first copy has not come back"))
    }

    @Test func aWorkingSetIsThatOfAFirstCopy() throws {
        let saved = try saved()
        let bench = try SupervisorBench {
            $0.restoredState = saved.state
            $0.purpose = .workingSetRecording
        }
        #expect(!bench.supervisor.isPurposeFulfilled)
        #expect(try bench.answerTrial(usages: [1, 1]).origin == .copy(of: saved.template))
        #expect(bench.supervisor.isPurposeFulfilled)
    }

    @Test func aPrewarmedVMMakesOneThatRunsNothing() throws {
        let saved = try saved()
        let limit = PrewarmLimit(atMostSeconds: 0, of: try HostMemoryFile())
        let bench = try SupervisorBench {
            $0.restoredState = saved.state
            $0.prewarm = limit
        }
        let (made, trial) = try bench.request(CreateContainer.self)
        #expect(trial.origin == .trial(of: saved.template))
        // A container that comes meanwhile goes its way.
        let first = try bench.warm("first")
        #expect(first.create.origin == .copy(of: saved.template) && first.create.node != trial.node)
        bench.supervisor.zones.all[Int(trial.node) - 1].recordPlugged(block)
        try bench.say(.bench, to: made)
        try bench.end(trial.container)
        #expect(bench.supervisor.zones.all[Int(trial.node) - 1].life.isFree)
        #expect(bench.supervisor.containers.all.map(\.id) == ["first"])
    }

    @Test func aVMThatSomebodyWaitsForMakesNone() throws {
        let saved = try saved()
        let bench = try SupervisorBench { $0.restoredState = saved.state }
        #expect(try !bench.wasAsked(.createContainer))
    }

    @Test func theLastZoneIsAContainers() throws {
        let saved = try saved()
        let limit = PrewarmLimit(atMostSeconds: 0, of: try HostMemoryFile())
        let bench = try SupervisorBench(zones: 1) {
            $0.restoredState = saved.state
            $0.prewarm = limit
        }
        #expect(try !bench.wasAsked(.createContainer))
    }
}

extension SupervisorBench {
    /// A VM that is to be saved with a process template, before that is made.
    static func saving() throws -> SupervisorBench {
        let run = RunRequest.warm("first", zone: 128 << 20)
        return try SupervisorBench { configuration in
            configuration.purpose = .template
            configuration.processTemplate = run.warmStart.map { ProcessTemplateRequest(run.create.specification, $0) }
        }
    }

    /// Does what the agent is asked for a trial, which is looked at this often: its usage of the processors at each look,
    /// in milliseconds; nil: it has ended.
    func answerTrial(usages: [Int?], returns: Bool = true) throws -> CreateContainer {
        let (made, trial) = try request(CreateContainer.self)
        let zone = supervisor.zones.all[Int(trial.node) - 1]
        zone.recordPlugged(trial.zoneBytes)
        try say(.bench, to: made)
        for usage in usages {
            #expect(try !wasAsked(.deleteContainer))
            supervisor.deadlines.advance(byMilliseconds: 1000)
            var measure = ContainerMeasure(container: trial.container)
            measure.cpuUsage = UInt64(usage ?? 0) * 1_000_000
            let number = try request(MeasureContainers.self).number
            try say(ContainerMeasures(containers: usage == nil ? [] : [measure]), to: number)
        }
        let deletion = try request(DeleteContainer.self)
        #expect(deletion.content.container == trial.container && deletion.content.offlineZone)
        try say(ContainerDeleted(zone: returns ? .bench : nil, timings: []), to: deletion.number)
        if returns { zone.recordPlugged(0) }
        return trial
    }
}
