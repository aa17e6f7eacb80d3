import ControlProtocol
import Testing

@testable import Supervisor

private let record = ExitRecord(container: "a", process: 0, code: 3, outOfMemory: false, time: 1, reason: "")

private typealias Step = @Sendable (inout ContainerLife) throws(ContainerStateError) -> Void

/// Every step by its name.
private let steps: [(name: String, take: Step)] = [
    ("confirmCreated", { life throws(ContainerStateError) in try life.confirmCreated() }),
    ("start", { life throws(ContainerStateError) in try life.start() }),
    ("confirmRunning", { life throws(ContainerStateError) in try life.confirmRunning() }),
    ("pause", { life throws(ContainerStateError) in try life.pause() }),
    ("resume", { life throws(ContainerStateError) in try life.resume() }),
    ("end", { life throws(ContainerStateError) in try life.end(record) }),
    ("remove", { life throws(ContainerStateError) in try life.remove() }),
]

@Suite struct ContainerLifeTests {
    /// A container in the state that these steps lead to.
    private func life(_ names: String...) throws -> ContainerLife {
        var life = ContainerLife()
        for name in names { try #require(steps.first { $0.name == name }).take(&life) }
        return life
    }

    @Test func everyStateTakesItsStepsAndNoOthers() throws {
        let legal: [(ContainerLife, [String])] = [
            (try life(), ["confirmCreated", "confirmRunning", "end"]),
            (try life("confirmCreated"), ["start", "end"]),
            (try life("confirmCreated", "start"), ["confirmRunning", "end"]),
            (try life("confirmRunning"), ["pause", "resume", "end"]),
            (try life("confirmRunning", "pause"), ["pause", "resume", "end"]),
            (try life("end"), ["remove"]),
            (try life("end", "remove"), []),
        ]
        for (life, names) in legal {
            for (name, take) in steps {
                var changed = life
                if names.contains(name) {
                    #expect(throws: Never.self, "\(name) from \(life.state)") { try take(&changed) }
                } else {
                    #expect(throws: ContainerStateError(step: word(name), state: life.state)) { try take(&changed) }
                    #expect(changed == life, "a step that is refused changes nothing")
                }
            }
        }
    }

    /// How an error names a step.
    private func word(_ name: String) -> String {
        switch name {
        case "confirmCreated": "create"
        case "confirmRunning": "run"
        default: name
        }
    }

    @Test func anEndIsKeptUntilAllIsGone() throws {
        #expect(try life("confirmRunning").exit == nil)
        #expect(try life("confirmRunning", "end").exit == record)
        #expect(try life("confirmRunning", "end", "remove").exit == record)
    }

    @Test func clientsSeeOneStateForAllThatIsNotRunningYet() throws {
        #expect(try life().state.report == .starting)
        #expect(try life("confirmCreated").state.report == .starting)
        #expect(try life("confirmCreated", "start").state.report == .starting)
        #expect(try life("confirmRunning", "pause").state.report == .paused)
        #expect(try life("end").state.report == .ending)
    }
}
