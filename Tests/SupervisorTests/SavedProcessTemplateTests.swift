import AgentProtocol
import ControlProtocol
import Testing

@testable import Supervisor

/// A VM that is saved with its process template, and one that is restored.
@Suite struct SavedProcessTemplateTests {
    @Test func aVirtualMachineIsSavedOnceItsProcessTemplateHasReachedItsPoint() throws {
        let bench = try SupervisorBench.saving()
        let template = try bench.makeTemplate()
        #expect(try !bench.wasAsked(.settle))
        try bench.reach(template.number)
        _ = try bench.answerTrial(usages: [1, 1])
        try bench.say(Done(), to: try bench.request(Settle.self).number)
        #expect(bench.supervisor.isPurposeFulfilled && !bench.supervisor.savedState.isEmpty)
        #expect(bench.supervisor.processTemplateReport?.state == .ready)
    }

    @Test func itIsSavedWithoutWhereTheTemplateIsRefusedAndNothingIsLeftOfThat() throws {
        let bench = try SupervisorBench.saving()
        let template = try bench.makeTemplate()
        try bench.reach(template.number, refusal: "it has a connected socket")
        #expect(try !bench.wasAsked(.settle))
        #expect(try bench.deletions() == [template.number, template.holder])
        try bench.say(Done(), to: try bench.request(Settle.self).number)
        #expect(bench.supervisor.isPurposeFulfilled && bench.supervisor.savedState.isEmpty)
        #expect(bench.supervisor.processTemplateReport?.reason == "it has a connected socket")
    }

    @Test func theFirstContainerOfARestoredVirtualMachineIsACopy() throws {
        let saved = try SupervisorBench.saving()
        let template = try saved.makeTemplate()
        try saved.reach(template.number)
        let bench = try SupervisorBench { $0.restoredState = saved.supervisor.savedState }
        #expect(!bench.supervisor.containers.hasHadAny)
        let first = try bench.warm("first")
        #expect(first.create.origin == .copy(of: template.number) && first.started.isCopy)
        // Numbers that the saved guest has are not given again.
        #expect(first.create.container.rawValue > max(template.number.rawValue, template.holder.rawValue))
        #expect(try bench.templates().map(\.instances) == [1])
    }

    @Test func whatIsRestoredCanDieToo() throws {
        let saved = try SupervisorBench.saving()
        let template = try saved.makeTemplate()
        try saved.reach(template.number)
        let bench = try SupervisorBench { $0.restoredState = saved.supervisor.savedState }
        try bench.say(Exited.bench(template.number, status: 9))
        #expect(try bench.templates().map(\.reason) == ["its program was killed by signal 9"])
        #expect(try bench.deletions() == [template.number, template.holder])
        #expect(try bench.warm("first").create.origin == .program)
    }

    @Test func aStateThatMakesNoSenseIsRefused() throws {
        let saved = try SupervisorBench.saving()
        let template = try saved.makeTemplate()
        try saved.reach(template.number)
        let state = saved.supervisor.savedState
        #expect(try SavedProcessTemplate(bytes: state).bytes == state)
        // Cut, longer, of another version, a container 0, a container that holds its own namespace, one later than the last.
        var zero = state
        zero[5] = 0
        var same = state
        same[5] = same[1]
        var early = state
        early[9] = 1
        for bytes in [Array(state.dropLast()), state + [0], [1] + state.dropFirst(), zero, same, early] {
            #expect(throws: ProtocolError.self) { try SavedProcessTemplate(bytes: bytes) }
            #expect(throws: ProtocolError.self) { try SupervisorBench { $0.restoredState = bytes } }
        }
    }
}
