import AgentProtocol
import Glibc
import LinuxSystem
import Testing

/// One agent serves all tests, one after the other: a leak of one shows in the next.
@Suite(.serialized, .enabled(if: AgentSession.obstacle == nil, Comment(rawValue: AgentSession.obstacle ?? "")))
struct AgentTests {
    @Suite(.serialized) struct Programs {
        let agent: AgentSession
        init() throws { agent = try AgentSession.shared.get() }

        @Test func outputAndExitCodeComeBack() throws {
            let run = try agent.run(["sh", "-c", "echo out; echo err >&2; exit 3"])
            #expect(run.output == "out\n")
            #expect(run.error == "err\n")
            #expect(run.status.code == 3)
            #expect(run.started.timings.contains { $0.step == .execute })
        }

        @Test func inputEndsWithTheStream() throws {
            let run = try agent.run(["cat"], input: [UInt8]("hello\n".utf8))
            #expect(run.output == "hello\n")
            #expect(run.status.code == 0)
        }

        @Test func signalShowsInTheStatus() throws {
            #expect(
                try agent.run(["sh", "-c", "kill -9 $$; sleep 9"]) { $0.namespaces.process = .guest }.status.signal == 9
            )
        }

        @Test(arguments: [
            ("nosuch", 127), ("/bin/nosuch", 127), ("notexecutable", 126), ("/etc", 126), ("broken", 126),
        ])
        func programThatCannotRunFailsTheRequest(name: String, code: UInt8) throws {
            let number = agent.newContainer()
            let failure = try agent.failure(
                of: CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: true, specification: agent.specification([name])))
            #expect(failure?.exitCode == code)
            #expect(failure?.text.contains(name) == true)
            // Nothing is left of it.
            #expect(try agent.containers().isEmpty)
            #expect(!agent.hasExited(number))
        }

        @Test func createdContainerWaitsForItsStart() throws {
            let number = agent.newContainer()
            let output = try agent.listen()
            let specification = agent.specification(["echo", "now"]) { $0.process.streams.output = output.port }
            _ = try agent.call(
                CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: false, specification: specification))
            #expect(try agent.containers() == [number])
            _ = try agent.call(StartContainer(container: number))
            #expect(try output.1.accept().readText() == "now\n")
            #expect(try agent.exit(of: number).status.code == 0)
            #expect(try agent.failure(of: StartContainer(container: number)) != nil)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func createdContainerCanBeDeleted() throws {
            let number = agent.newContainer()
            _ = try agent.call(
                CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: false, specification: agent.specification(["true"])
                ))
            _ = try agent.call(DeleteContainer(container: number))
            #expect(try agent.containers().isEmpty)
            #expect(try agent.exit(of: number).status.signal == 9)
        }

        /// Not by the host's word: what shares another's process namespace does not die with its first process.
        @Test func theEndOfTheFirstProcessIsTheEndOfAll() throws {
            let other = try agent.sleeper()
            let number = try agent.sleeper { $0.namespaces = Namespaces(process: .container(other)) }
            _ = try agent.call(
                Execute(
                    container: number, process: ProcessNumber(1),
                    specification: ProcessSpecification(arguments: ["sleep", "1000"], environment: ["PATH=/bin"])))
            _ = try agent.call(SendSignal(container: number, signal: 9))
            #expect(try agent.exit(of: number).status.signal == 9)
            #expect(try agent.exit(of: number, ProcessNumber(1)).status.signal == 9)
            // It is known until the host has heard how it went.
            #expect(try agent.containers().contains(number))
            _ = try agent.call(DeleteContainer(container: number))
            #expect(try agent.containers() == [other])
            _ = try agent.call(DeleteContainer(container: other))
        }

        @Test func environmentArgumentsAndDirectoryArrive() throws {
            let run = try agent.run(["sh", "-c", "pwd; echo $A; echo \"$0|$1\"", "x y", ""]) {
                $0.process.environment.append("A=1 2")
                $0.process.workingDirectory = "/made/for/it"
            }
            #expect(run.output == "/made/for/it\n1 2\nx y|\n")
        }

        @Test func executeJoinsTheContainer() throws {
            let number = try agent.sleeper { $0.hostname = "joined" }
            let run = try agent.execute(["sh", "-c", "hostname; ps | grep -c sleep; exit 5"], in: number)
            #expect(run.output.contains("joined\n"))
            #expect(run.status.code == 5)
            let failure = try agent.failure(
                of: Execute(
                    container: number, process: ProcessNumber(2),
                    specification: ProcessSpecification(arguments: ["nosuch"], environment: ["PATH=/bin"])))
            #expect(failure?.exitCode == 127)
            let noDirectory = try agent.failure(
                of: Execute(
                    container: number, process: ProcessNumber(2),
                    specification: ProcessSpecification(arguments: ["/bin/true"], workingDirectory: "/nosuch")))
            #expect(noDirectory?.step == .workingDirectory)
            #expect(try agent.call(ListProcesses(container: number)).processIDs.count == 1)
            _ = try agent.call(DeleteContainer(container: number))
            #expect(try agent.exit(of: number).status.signal == 9)
        }

        @Test func signalReachesOneProcessOrAll() throws {
            let number = try agent.sleeper()
            let streams = try agent.listen()
            _ = try agent.call(
                Execute(
                    container: number, process: ProcessNumber(4),
                    specification: ProcessSpecification(
                        arguments: ["sleep", "1000"], environment: ["PATH=/bin"],
                        streams: StandardStreams(output: streams.port))))
            _ = try agent.call(SendSignal(container: number, process: ProcessNumber(4), signal: 15))
            #expect(try agent.exit(of: number, ProcessNumber(4)).status.signal == 15)
            let late = try agent.failure(of: SendSignal(container: number, process: ProcessNumber(4), signal: 15))
            #expect(late?.code == ESRCH)
            _ = try agent.call(SendSignal(container: number, signal: 9, all: true))
            #expect(try agent.exit(of: number).status.signal == 9)
            _ = try agent.call(DeleteContainer(container: number))
        }
    }
}
