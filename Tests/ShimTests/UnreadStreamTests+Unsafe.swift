import ContainerdAPI
import Glibc
import LinuxSystem
import Runtime
import SwiftProtobuf
import TTRPC
import TestSupport
import Testing

@testable import Shim

/// Fifos whose other ends nobody opens, or nobody reads: containerd was killed, or its client is stopped.
@Suite(.timeLimit(.minutes(1))) struct UnreadStreamTests {
    private let directory: TemporaryDirectory

    init() throws { directory = try TemporaryDirectory() }

    private func fifo(_ name: String) throws -> String {
        let path = "\(directory.path)/\(name)"
        // SAFETY: the string lives for the call.
        try #require(unsafe mkfifo(path, 0o600) == 0)
        return path
    }

    /// A container whose streams are fifos that nobody has open.
    private func create(_ id: String, on bench: ShimBench) async throws {
        var request = try bench.creation(of: id)
        (request.stdin, request.stdout, request.stderr) = (
            try fifo("\(id)-in"), try fifo("\(id)-out"), try fifo("\(id)-err")
        )
        _ = try await bench.call("Create", request, Containerd_Task_V2_CreateTaskResponse.self)
    }

    @Test func containersWithFifosThatNobodyOpensHoldNothingUp() async throws {
        let bench = try await ShimBench()
        // More than the pool has threads.
        let ids = (0..<12).map { "a\($0)" }
        for id in ids {
            try await create(id, on: bench)
            try await bench.start(id)
        }
        try await bench.run("other")
        for id in ids {
            _ = try await bench.call(
                "CloseIO", Containerd_Task_V2_CloseIORequest.with { ($0.id, $0.stdin) = (id, true) })
            let kill = Containerd_Task_V2_KillRequest.with { ($0.id, $0.signal) = (id, 9) }
            #expect(try await bench.refusal(of: "Kill", kill) == nil)
        }
        #expect(try await bench.status("other") == .running)
    }

    /// A logger, or a file, that is a fifo.
    @Test func aFileThatIsAFifoWithoutReaderIsRefused() async throws {
        let bench = try await ShimBench()
        var request = try bench.creation(of: "a")
        request.stdout = "file://" + (try fifo("file"))
        let refusal = try await bench.refusal(of: "Create", request)
        #expect(refusal?.code == .invalidArgument && refusal?.message.contains("/file") == true, "\(refusal as Any)")
        try await bench.run("a")
    }

    /// What comes out of a pipe goes into a file that takes nothing, by a thread of its own.
    @Test func anEndWaitsForAFileThatTakesNothingForItsBoundAlone() async throws {
        let (reader, writer) = try OwnedDescriptor.pipe()
        let (unread, full) = try OwnedDescriptor.pipe()
        let relay = try OutputRelay(from: reader, to: full)
        try writer.setNonBlocking()
        var tries = 0
        let piece = [UInt8](repeating: 0, count: 4096)[...]
        while tries < 100 {
            tries = (try? writer.write(some: piece)) == nil ? tries + 1 : 0
            if tries > 0 { _ = try wait(for: [(writer, .writable)], timeoutInMilliseconds: 5) }
        }
        let start = ContinuousClock.now
        await relay.waitForEnd(by: Deadline(inMilliseconds: 200))
        #expect(ContinuousClock.now - start < .seconds(5))
        withExtendedLifetime((unread, writer)) {}
    }
}
