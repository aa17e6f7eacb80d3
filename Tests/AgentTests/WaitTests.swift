import AgentProtocol
import Glibc
import LinuxSystem
import Testing

extension AgentTests {
    /// What the agent waits for may never come: every wait ends, and what waited fails with a reason.
    @Suite(.serialized) struct Waits {
        let agent: AgentSession
        init() throws { agent = try AgentSession.shared.get() }

        /// Processes of a frozen container stand still from their first instruction on.
        @Test func processThatFallsSilentBeforeItsProgramIsKilled() throws {
            let number = try agent.sleeper()
            _ = try agent.call(PauseContainer(container: number))
            let specification = ProcessSpecification(arguments: ["true"], environment: ["PATH=/bin"])
            let failure = try agent.failure(
                of: Execute(container: number, process: ProcessNumber(1), specification: specification))
            #expect(failure?.code == ETIMEDOUT)
            #expect(failure?.text.contains("process 1 of container \(number.rawValue)") == true)
            // It is gone, and the container is as before.
            #expect(try agent.call(ListProcesses(container: number)).processIDs.count == 1)
            _ = try agent.call(ResumeContainer(container: number))
            #expect(try agent.execute(["true"], in: number).status.code == 0)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func createdContainerThatFallsSilentAtItsStartFails() throws {
            let number = agent.newContainer()
            _ = try agent.call(
                CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: false, specification: agent.specification(["true"])
                ))
            let process = try #require(try agent.call(ListProcesses(container: number)).processIDs.first)
            if agent.isGuest { return }
            try #require(kill(pid_t(process), SIGSTOP) == 0)
            #expect(try agent.failure(of: StartContainer(container: number))?.code == ETIMEDOUT)
            _ = try agent.call(DeleteContainer(container: number))
            #expect(try agent.containers().isEmpty)
        }

        @Test func createdContainerMayWaitLongForItsStart() throws {
            let number = agent.newContainer()
            _ = try agent.call(
                CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: false, specification: agent.specification(["true"])
                ))
            // Longer than a process may take to set itself up: in a paused one's failure that time passes.
            try processThatFallsSilentBeforeItsProgramIsKilled()
            _ = try agent.call(StartContainer(container: number))
            #expect(try agent.exit(of: number).status.code == 0)
            _ = try agent.call(DeleteContainer(container: number))
        }

        /// An image's pipe in the place of a file that the host writes has no reader.
        @Test func pipeInThePlaceOfAFileFailsAtOnce() throws {
            try #require(unsafe mkfifo(agent.directory + "/root/etc/pipe", 0o644) == 0)
            let failure = try agent.failure(
                of: CreateContainer(
                    container: agent.newContainer(), node: 0, zoneBytes: 0, start: true,
                    specification: agent.specification(["true"]) {
                        $0.files = [InlineFile(path: "/etc/pipe", contents: [1])]
                    }))
            #expect(failure?.step == .files)
            #expect(failure?.code == ENXIO)
            #expect(failure?.text.contains("/etc/pipe") == true)
            #expect(try agent.containers().isEmpty)
        }

        @Test func deletionCutsOutputThatTheHostDoesNotRead() throws {
            let (number, stream) = try agent.printing(["sh", "-c", "while :; do echo 0123456789abcdef; done"])
            // Until nothing more fits: it stands still then, and what it wrote last stays in its pipe.
            var usage: UInt64 = 0
            var equal = 0
            while equal < 200 {
                let now = try agent.measure(number).cpuUsage
                equal = now == usage ? equal + 1 : 0
                usage = now
            }
            let deleted = try agent.call(DeleteContainer(container: number, timeout: 2000))
            #expect(deleted.timings.contains { $0.step == .streams && $0.microseconds >= 900_000 })
            #expect(try !stream.readAll().isEmpty)
            #expect(try agent.containers().isEmpty)
        }
    }
}
