import Glibc
import LinuxSystem
import NIOCore
import NIOPosix
import Synchronization
import Testing

@testable import TTRPC

/// Answers by the method's name.
private final class TestService: Service {
    let names = ["test.Service"]
    let wasCancelled = Atomic(false)

    func call(_ method: String, payload: [UInt8]) async throws -> [UInt8] {
        switch method {
        case "Echo": return payload
        case "Refuse": throw Status(.notFound, "there is no such thing")
        case "Hang":
            do { try await Task.sleep(for: .seconds(600)) } catch { wasCancelled.store(true, ordering: .relaxed) }
            return []
        default: throw Status(.unimplemented, "no \(method)")
        }
    }
}

/// A server and a client over a socket of their own.
private func withServer(_ body: (Client, TestService, String) async throws -> Void) async throws {
    let directory = "/tmp/czone-ttrpc-\(UInt64.random(in: 0...UInt64.max))"
    try FileSystem.makeDirectory(directory)
    let path = "\(directory)/s"
    defer {
        try? FileSystem.removeFile(path)
        try? FileSystem.removeDirectory(directory)
    }
    let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    let (service, socket) = (TestService(), try UnixSocket.listen(at: path))
    let server = Task { try await Server([service]).run(on: socket, group: group) }
    let client = try await Client.connect(to: path, group: group)
    do { try await body(client, service, path) } catch {
        server.cancel()
        throw error
    }
    await client.close()
    server.cancel()
    _ = try? await server.value
    try await group.shutdownGracefully()
}

@Suite struct CallTests {
    @Test func aCallIsAnswered() async throws {
        try await withServer { client, _, _ in
            let reply1 = try await client.call("test.Service", "Echo", payload: [1, 2, 3])
            #expect(reply1 == [1, 2, 3])
            let large = [UInt8](repeating: 5, count: 3 << 20)
            let reply2 = try await client.call("test.Service", "Echo", payload: large)
            #expect(reply2 == large)
        }
    }

    @Test func failuresKeepTheirCodeAndText() async throws {
        try await withServer { client, _, _ in
            await #expect(throws: Status(.notFound, "there is no such thing")) {
                try await client.call("test.Service", "Refuse", payload: [])
            }
            await #expect(throws: Status(.unimplemented, "no Other")) {
                try await client.call("test.Service", "Other", payload: [])
            }
            await #expect(throws: Status(.unimplemented, "service nobody is not served")) {
                try await client.call("nobody", "Echo", payload: [])
            }
        }
    }

    @Test func aCallThatWaitsHoldsNoOtherUp() async throws {
        try await withServer { client, _, _ in
            let waiting = Task { try await client.call("test.Service", "Hang", payload: []) }
            for number in 0..<100 {
                let reply3 = try await client.call("test.Service", "Echo", payload: [UInt8(number)])
                #expect(reply3 == [UInt8(number)])
            }
            await client.close()
            await #expect(throws: Status.self) { try await waiting.value }
        }
    }

    @Test func aCallEndsWhenItsTimeIsUp() async throws {
        try await withServer { client, service, _ in
            let error = await #expect(throws: Status.self) {
                try await client.call("test.Service", "Hang", payload: [], within: 100)
            }
            #expect(error?.code == .deadlineExceeded)
            // The server gives it up too.
            while !service.wasCancelled.load(ordering: .relaxed) { await Task.yield() }
        }
    }

    /// Connections that were accepted and that nobody has looked at yet when the server ends.
    @Test func endingWhileConnectionsComeIsQuiet() async throws {
        for _ in 0..<100 {
            try await withServer { _, _, path in
                for _ in 0..<16 { _ = try UnixSocket.connect(to: path) }
            }
        }
    }

    @Test func aPeerThatTalksNonsenseLosesItsConnectionAlone() async throws {
        try await withServer { client, _, path in
            let other = try UnixSocket.connect(to: path)
            try other.send([0xFF, 0xFF, 0xFF, 0xFF, 0, 0, 0, 1, 1, 0])
            #expect(try other.read(atMost: 1).isEmpty)
            let reply4 = try await client.call("test.Service", "Echo", payload: [9])
            #expect(reply4 == [9])
        }
    }
}
