import AgentProtocol
import Glibc
import LinuxSystem
import Testing

extension AgentTests {
    /// Connections between ports of a container's loopback and the host.
    @Suite(.serialized) struct Relays {
        let agent: AgentSession
        init() throws { agent = try AgentSession.shared.get() }

        /// A container that runs a script.
        private func run(_ script: String) throws -> ContainerNumber {
            let number = agent.newContainer()
            _ = try agent.call(
                CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: true,
                    specification: agent.specification(["sh", "-c", script])))
            return number
        }

        private func relay(
            _ number: ContainerNumber, _ port: UInt16, _ opening: RelayConnection.Opening = .agent,
            timeout: UInt32 = 10_000
        ) throws -> OwnedDescriptor {
            let (hostPort, listener) = try agent.listen()
            _ = try agent.call(
                RelayConnection(
                    container: number, port: port, hostPort: hostPort, opening: opening, timeout: timeout))
            return try listener.accept()
        }

        @Test func aServerThatIsAboutToListenIsReached() throws {
            let number = try run("sleep 0.3; exec nc -ll -p 8080 -e cat")
            let stream = try relay(number, 8080)
            try stream.write(all: Array("hello".utf8))
            #expect(try stream.readNext(5) == Array("hello".utf8))
            // The end of what the host says reaches the server, whose end comes back.
            stream.endWriting()
            #expect(try stream.readAll().isEmpty)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func manyBytesBothWaysThroughASlowReaderAreComplete() throws {
            let number = try run("exec nc -ll -p 8080 -e cat")
            let stream = try relay(number, 8080)
            try stream.setNonBlocking()
            let chunk = (0..<65536).map { UInt8(truncatingIfNeeded: $0 &* 7) }
            var (sent, received, wrong) = (0, 0, 0)
            let total = 8 << 20
            while received < total {
                let ready = try wait(
                    for: [(stream, sent < total ? [.readable, .writable] : .readable)], timeoutInMilliseconds: 30_000)
                guard !ready[0].isEmpty else { break }
                if ready[0].contains(.writable), sent < total {
                    sent += try stream.write(some: chunk[(sent % 65536)...])
                }
                guard ready[0].contains(.readable) else { continue }
                for byte in try stream.read(atMost: 65536) {
                    if byte != UInt8(truncatingIfNeeded: (received % 65536) &* 7) { wrong += 1 }
                    received += 1
                }
            }
            #expect(received == total && wrong == 0)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func aPortWhereNothingListensIsReportedInTime() throws {
            let number = try run("exec sleep 1000")
            let failure = try agent.failure(
                of: RelayConnection(container: number, port: 8080, hostPort: 1, opening: .agent, timeout: 200))
            #expect(failure?.code == ECONNREFUSED && failure?.text.contains("port 8080") == true)
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func theContainerReachesTheHostByAPortThatWaitsForIt() throws {
            let (hostPort, listener) = try agent.listen()
            let number = agent.newContainer()
            _ = try agent.call(
                CreateContainer(
                    container: number, node: 0, zoneBytes: 0, start: false,
                    specification: agent.specification(["sh", "-c", "echo asked | nc 127.0.0.1 9001; exec sleep 1000"]))
            )
            _ = try agent.call(
                RelayConnection(container: number, port: 9001, hostPort: hostPort, opening: .container))
            _ = try agent.call(StartContainer(container: number))
            let stream = try listener.accept()
            #expect(try stream.readNext(6) == Array("asked\n".utf8))
            _ = try agent.call(DeleteContainer(container: number))
        }

        @Test func theEndOfAContainerEndsItsConnections() throws {
            let number = try run("exec nc -ll -p 8080 -e cat")
            let stream = try relay(number, 8080)
            _ = try agent.call(DeleteContainer(container: number))
            #expect((try? stream.readAll()) ?? [] == [])
            let failure = try agent.failure(
                of: RelayConnection(container: number, port: 8080, hostPort: 1, opening: .agent))
            #expect(failure?.code == ENOENT)
        }

        @Test func containersDoNotReachEachOther() throws {
            let first = try run("exec nc -ll -p 8080 -e cat")
            _ = try relay(first, 8080)
            let second = try run("exec sleep 1000")
            let failure = try agent.failure(
                of: RelayConnection(container: second, port: 8080, hostPort: 1, opening: .agent, timeout: 100))
            #expect(failure?.code == ECONNREFUSED)
            for number in [first, second] { _ = try agent.call(DeleteContainer(container: number)) }
        }
    }
}

extension OwnedDescriptor {
    /// The next so many bytes of a stream; fewer at its end.
    fileprivate func readNext(_ count: Int) throws -> [UInt8] {
        var bytes: [UInt8] = []
        while bytes.count < count {
            let more = try read(atMost: count - bytes.count)
            if more.isEmpty { break }
            bytes += more
        }
        return bytes
    }
}
