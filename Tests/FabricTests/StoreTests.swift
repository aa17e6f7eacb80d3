import ControlProtocol
import FabricPolicies
import FabricProtocol
import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import TestSupport
import Testing

@testable import Fabric

/// What Setup/fabric-clients installs.
private let hasClients =
    (try? FileSystem.status("build/fabric-clients/complete")) != nil && findProgram("python3") != nil

/// Unchanged boto3 before stores of this host, through the fabric: what Setup/fabric-clients has installed is asked.
@Suite(.serialized, .enabled(if: hasClients))
struct StoreTests {
    private static let sources = "Tests/Fabric"
    private static let clients = "build/fabric-clients/host"
    private static let secret = "real-secret-0123456789"
    private static let group = MultiThreadedEventLoopGroup.singleton

    /// A program of this host that listens at a port.
    private final class Store {
        let port: UInt16
        private let program: Program

        init(_ words: String) async throws {
            port = try await Self.freePort()
            program = try Program(
                "sh", ["-c", "exec python3 -B \(words.replacing("PORT", with: "\(port)")) >/dev/null 2>&1"],
                environment: ["PYTHONPATH": StoreTests.clients])
            // Until it listens; a program that has ended never does.
            for _ in 0..<600 {
                if (try? await ClientBootstrap(group: group).connect(host: "127.0.0.1", port: Int(port)).get().close())
                    != nil
                {
                    return
                }
                try await Task.sleep(for: .milliseconds(50))
            }
            Issue.record("\(words) does not listen")
        }

        deinit { sendSignal(SIGKILL, to: program.processID) }

        private static func freePort() async throws -> UInt16 {
            let channel = try await ServerBootstrap(group: group).bind(host: "127.0.0.1", port: 0).get()
            defer { channel.close(promise: nil) }
            return UInt16(channel.localAddress?.port ?? 0)
        }
    }

    private func policy(_ endpoint: String, limits: String = "{connections: 16, timeout: 20s}") -> String {
        """
        tenants: [default]
        services:
          - {service: s3, regions: [eu-west-1], buckets: [photos], endpoint: "\(endpoint)"}
        credentials: {file: /not/read/here}
        limits: \(limits)
        """
    }

    private func keys() throws -> OwnedDescriptor {
        let file = try MemoryFile.growing(name: "keys")
        try file.write(
            all: Array("[default]\naws_access_key_id=AKIAREALKEY\naws_secret_access_key=\(Self.secret)\n".utf8), at: 0)
        return file
    }

    /// Runs a test of Python's as a container's program.
    private func runClient(
        _ test: String, policy text: String, megabytes: Int = 100
    ) async throws -> FabricDescription {
        let machine = try await RelayingMachine(Self.group)
        let fabric = Fabric(tenant: "default")
        try await fabric.attach(
            FabricAttachment(container: "c", policy: "p", text: text), machine: machine.control, credentials: keys()
        ).get()
        #expect(machine.asked.first?.port == 9000)
        var environment = [
            "PYTHONPATH": Self.clients, "PYTHONDONTWRITEBYTECODE": "1", "FABRIC_TEST_MEGABYTES": "\(megabytes)",
        ]
        for word in try FabricPolicy(yaml: text, name: "p", file: "p").environment {
            let parts = word.split(separator: "=", maxSplits: 1).map(String.init)
            environment[parts[0]] = parts[1].replacing(":9000", with: ":\(machine.port)")
        }
        let program = try Program("python3", ["-B", "\(Self.sources)/image/\(test)"], environment: environment)
        let bound = UncheckedProgram(program: program)
        let result = try await Task.detached { try bound.program.result(within: 240) }.value
        #expect(result.status == 0 && !result.timedOut, "\(result.error.suffix(8000))")
        let description = fabric.description
        await fabric.close()
        try await machine.close()
        return description
    }

    /// One task uses it, and then no other.
    private struct UncheckedProgram: @unchecked Sendable {
        let program: Program
    }

    @Test(.timeLimit(.minutes(5))) func boto3BeforeAStore() async throws {
        let store = try await Store("-m moto.server -H 127.0.0.1 -p PORT")
        let description = try await runClient("store_test.py", policy: policy("http://127.0.0.1:\(store.port)"))
        let container = try #require(description.containers.first)
        #expect(container.exchanges > 60 && container.refused == 8, "\(container)")
        // Both big objects, both ways.
        #expect(container.bytesSent > 200 << 20 && container.bytesReceived > 200 << 20)
    }

    @Test(.timeLimit(.minutes(2))) func boto3BeforeAStoreThatFails() async throws {
        let store = try await Store("\(Self.sources)/faulty_store.py PORT")
        let text = policy("http://127.0.0.1:\(store.port)", limits: "{timeout: 4s}")
        let description = try await runClient("fault_test.py", policy: text)
        #expect((description.containers.first?.retries ?? 0) >= 6)
    }

    @Test func aNameThatLeadsToTheHostItselfIsDenied() async throws {
        let machine = try await RelayingMachine(Self.group)
        let fabric = Fabric(tenant: "default")
        try await fabric.attach(
            FabricAttachment(container: "c", policy: "p", text: policy("http://localhost:9")), machine: machine.control,
            credentials: keys()
        ).get()
        let answer = try run(
            "curl", ["-sS", "-m", "20", "-w", "%{http_code}", "http://127.0.0.1:\(machine.port)/photos/a"])
        #expect(answer.output.contains("<Code>AccessDenied</Code>") && answer.output.hasSuffix("403"))
        let split = try run(
            "curl", ["-sS", "-m", "20", "-H", "X-A: a\u{1}b", "http://127.0.0.1:\(machine.port)/photos/a"])
        #expect(!split.output.contains("well"))
        await fabric.close()
        try await machine.close()
    }

    @Test func whatIsWrongWithAnAttachmentIsSaid() async throws {
        let machine = try await RelayingMachine(Self.group)
        let fabric = Fabric(tenant: "bank")
        for (text, expected) in [(policy("http://127.0.0.1:9"), "none of the tenant bank's"), ("x: y", "tenants")] {
            do {
                try await fabric.attach(
                    FabricAttachment(container: "c", policy: "p", text: text), machine: machine.control,
                    credentials: keys()
                ).get()
                Issue.record("it was taken")
            } catch {
                let text = (error as? StoreFault)?.message ?? "\(error)"
                #expect(text.contains(expected), "\(text)")
            }
        }
        #expect(fabric.isIdle)
        await fabric.close()
        try await machine.close()
    }
}
