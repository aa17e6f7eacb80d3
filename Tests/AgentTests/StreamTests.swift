import AgentProtocol
import Glibc
import LinuxSystem
import Testing

extension AgentTests {
    @Suite(.serialized) struct Streams {
        let agent: AgentSession
        init() throws { agent = try AgentSession.shared.get() }

        private var agentResident: UInt64 {
            get throws { try agent.call(MeasureNodes()).agentResidentBytes }
        }

        @Test func largeOutputThroughASlowReaderIsCompleteAndCostsNoMemory() throws {
            let megabytes = 64
            let before = try agentResident
            let (number, stream) = try agent.printing(["dd", "if=/dev/zero", "bs=1M", "count=\(megabytes)"])
            // The writer is stopped by a full stream.
            #expect(try stream.read(atMost: 1).count == 1)
            #expect(!agent.hasExited(number))
            var count = 1
            while true {
                let bytes = try stream.read(atMost: 1 << 20)
                if bytes.isEmpty { break }
                count += bytes.count
            }
            #expect(count == megabytes << 20)
            #expect(try agent.exit(of: number).status.code == 0)
            #expect(try agentResident <= before + 65536)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func largeInputComesThroughAndBackAgain() throws {
            // More than all buffers on the way, so that both directions must flow at once.
            let number = agent.newContainer()
            let input = try agent.listen()
            let output = try agent.listen()
            let specification = agent.specification(["cat"]) {
                $0.process.streams = StandardStreams(input: input.port, output: output.port)
            }
            _ = try agent.call(
                CreateContainer(container: number, node: 0, zoneBytes: 0, start: true, specification: specification))
            let sink = try input.1.accept()
            let source = try output.1.accept()
            try sink.setNonBlocking()
            let chunk = (0..<65536).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            var (sent, received, wrong) = (0, 0, 0)
            let total = 4 << 20
            while received < total {
                let ready = try wait(
                    for: [(source, .readable)] + (sent < total ? [(sink, .writable)] : []),
                    timeoutInMilliseconds: 30_000)
                guard ready.contains(where: { !$0.isEmpty }) else { break }
                if ready.count > 1, ready[1].contains(.writable) {
                    sent += try sink.write(some: chunk[(sent % 65536)...])
                    if sent >= total { sink.endWriting() }
                }
                if ready[0].contains(.readable) {
                    for byte in try source.read(atMost: 65536) {
                        if byte != UInt8(truncatingIfNeeded: (received % 65536) &* 7) { wrong += 1 }
                        received += 1
                    }
                }
            }
            #expect(received == total)
            #expect(wrong == 0)
            #expect(try agent.exit(of: number).status.code == 0)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func writerGetsABrokenPipeWhenTheHostStopsReading() throws {
            let number = agent.newContainer()
            let output = try agent.listen()
            let specification = agent.specification(["dd", "if=/dev/zero", "bs=64k"]) {
                $0.process.streams.output = output.port
            }
            _ = try agent.call(
                CreateContainer(container: number, node: 0, zoneBytes: 0, start: true, specification: specification))
            do {
                let stream = try output.1.accept()
                _ = try stream.read(atMost: 100)
            }
            // dd is PID 1 of its namespace, which SIGPIPE kills all the same: it comes from the kernel… or EPIPE ends it.
            #expect(try agent.exit(of: number).status.code != 0)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func terminalHasItsSizeAndIsTheConsole() throws {
            let number = agent.newContainer()
            let input = try agent.listen()
            let output = try agent.listen()
            let script = "stty size; tty; read line; stty size; echo got $line; ls -l /dev/console"
            let specification = agent.specification(["sh", "-c", script]) {
                $0.process.terminal = WindowSize(rows: 24, columns: 80)
                $0.process.streams = StandardStreams(input: input.port, output: output.port)
            }
            _ = try agent.call(
                CreateContainer(container: number, node: 0, zoneBytes: 0, start: true, specification: specification))
            let terminal = try output.1.accept()
            let keyboard = try input.1.accept()
            var seen = ""
            while !seen.contains("/dev/pts/0") {
                seen += String(decoding: try terminal.read(atMost: 4096), as: UTF8.self)
            }
            #expect(seen.contains("24 80\r\n"))
            _ = try agent.call(ResizeTerminal(container: number, size: WindowSize(rows: 40, columns: 100)))
            try keyboard.write(all: [UInt8]("typed\n".utf8))
            let rest = try terminal.readText()
            #expect(rest.contains("40 100\r\n"))
            #expect(rest.contains("got typed\r\n"))
            #expect(rest.contains("/dev/console"))
            #expect(try agent.exit(of: number).status.code == 0)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func terminalOfAnExecutedProcess() throws {
            let number = try agent.sleeper()
            let output = try agent.listen()
            _ = try agent.call(
                Execute(
                    container: number, process: ProcessNumber(1),
                    specification: ProcessSpecification(
                        arguments: ["sh", "-c", "stty size; tty"], environment: ["PATH=/bin"],
                        terminal: WindowSize(rows: 10, columns: 20), streams: StandardStreams(output: output.port))))
            #expect(try output.1.accept().readText() == "10 20\r\n/dev/pts/0\r\n")
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func deletionWaitsForOutputThatIsStillRead() throws {
            let (number, stream) = try agent.printing(["sh", "-c", "dd if=/dev/zero bs=1k count=60; exec sleep 1000"])
            let deletion = try agent.send(DeleteContainer(container: number))
            let bytes = try stream.readAll()
            _ = try agent.reply(to: deletion, of: DeleteContainer.self)
            // What had been written when it was killed, in whole kibibytes.
            #expect(bytes.count % 1024 == 0)
        }
    }
}
