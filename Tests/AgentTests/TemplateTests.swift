import AgentProtocol
import LinuxSystem
import Testing

extension AgentTests {
    /// Process templates as far as they need no kernel that has them; what becomes a copy is for a real guest
    /// (IntegrationTests.WarmStartTests).
    @Suite(.serialized) struct Templates {
        let agent: AgentSession
        init() throws { agent = try AgentSession.shared.get() }

        private let marking = ["sh", "-c", "kill -STOP $$; echo on"]

        /// In a process namespace that is not its own, a first process can stop itself.
        @Test func aProgramThatMarksItsPointResumesInAnyContainer() throws {
            let outcome = try agent.run(marking) { $0.namespaces.process = .guest }
            #expect(outcome.status.code == 0 && outcome.output == "on\n")
            let first = try agent.run(marking)
            #expect(first.status.code == 0 && first.output == "on\n")
        }

        @Test func aCopyOfWhatIsNoTemplateStartsPlainly() throws {
            let number = agent.newContainer()
            let started = try agent.call(
                CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: true, origin: .copy(of: ContainerNumber(999)),
                    specification: agent.specification(["true"])))
            #expect(started.refusal == "container 999 is no template")
            #expect(try agent.exit(of: number).status.code == 0)
            _ = try agent.call(DeleteContainer(container: number))
        }

        /// What is to run nothing does not start plainly instead.
        @Test func aTrialOfWhatIsNoTemplateRunsNothing() throws {
            let number = agent.newContainer()
            let failure = try agent.failure(
                of: CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: true, origin: .trial(of: ContainerNumber(999)),
                    specification: agent.specification(["true"])))
            #expect(failure?.text.contains("container 999, which is no template") == true)
            #expect(try agent.containers().isEmpty)
        }

        @Test func aTemplateNeedsAProcessNamespaceThatAnotherHolds() throws {
            let number = agent.newContainer()
            let failure = try agent.failure(
                of: CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: true, origin: .template,
                    specification: agent.specification(marking)))
            #expect(failure?.text.contains("container \(number.rawValue)") == true)
            #expect(try agent.containers().isEmpty)
        }

        /// This machine's kernel has no process templates, so each is refused in the end; what refuses it before is named.
        @Test(arguments: [
            ("kill -STOP $$", "the guest's kernel has no process templates"),
            ("sleep 100 & kill -STOP $$", "it has 1 other processes"),
            ("echo x > /dev/shm/f; exec 5< /dev/shm/f; kill -STOP $$", "its descriptor 5 is /dev/shm/f"),
        ])
        func aTemplateIsRefusedByName(script: String, reason: String) throws {
            let holder = try agent.sleeper()
            let number = agent.newContainer()
            var specification = agent.specification(["sh", "-c", script])
            specification.namespaces.process = .container(holder)
            _ = try agent.call(
                CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: true, origin: .template,
                    specification: specification))
            let reached = try agent.templateReached()
            #expect(reached.container == number)
            #expect(reached.refusal.hasPrefix(reason), "\(reached.refusal)")
            _ = try agent.call(DeleteContainer(container: number))
            _ = try agent.call(DeleteContainer(container: holder))
            #expect(try agent.containers().isEmpty)
        }
    }
}
