import ContainerdAPI
import Glibc
import LinuxSystem
import OCI
import SwiftProtobuf
import Synchronization
import SystemPackage
import TTRPC
import TestSupport
import Testing

@testable import Shim

private var canMount: Bool { unsafe getuid() == 0 && access("/dev/fuse", R_OK) == 0 }

/// Volumes of a file system that answers nothing: FUSE without anybody who reads its requests.
@Suite(.timeLimit(.minutes(2)), .enabled(if: canMount)) struct StalledFileSystemTests {
    private final class Counter: Sendable {
        let value = Atomic(0)
    }

    /// Mounts one on a directory; it is gone with what is returned, and so is every process that waits for it.
    private func stall(_ directory: String) throws -> OwnedDescriptor {
        let device = try OwnedDescriptor(opening: "/dev/fuse", flags: O_RDWR)
        let options = "fd=\(device.rawValue),rootmode=40000,user_id=0,group_id=0"
        // SAFETY: the strings live for the calls.
        try #require(unsafe mount("stalled", directory, "fuse", 0, options) == 0)
        return device
    }

    private func release(_ directory: String, _ device: OwnedDescriptor) {
        // SAFETY: the string lives for the call.
        withExtendedLifetime(device) { _ = unsafe umount2(directory, CInt(MNT_DETACH)) }
    }

    @Test func containersThatWaitForOneHoldNoThreadThatOthersNeed() async throws {
        let directory = try TemporaryDirectory()
        let device = try stall(directory.path)
        defer { release(directory.path, device) }
        let bench = try await ShimBench()
        // More than the pool has threads.
        let ended = Counter()
        let calls = try (0..<12).map { index in
            let request = try bench.creation(of: "w\(index)") { spec in
                spec.mounts = [
                    RuntimeSpec.Mount(destination: "/data", type: "bind", source: directory.path, options: ["bind"])
                ]
            }
            return Task { @Sendable in
                defer { ended.value.add(1, ordering: .relaxed) }
                return try await bench.refusal(of: "Create", request)
            }
        }
        try await bench.create("b")
        try await bench.start("b")
        #expect(ended.value.load(ordering: .relaxed) == 0)
        for call in calls {
            let refusal = try #require(try await call.value)
            #expect(refusal.message.contains("has not answered within 15 s"), "\(refusal)")
        }
    }

    /// The store itself: no container can be made, and those that are there are as before.
    @Test func aStoreThatAnswersNothingFailsCreations() async throws {
        let bench = try await ShimBench()
        try await bench.run("a")
        let store = bench.hosting.images.root
        try FileSystem.makeDirectories(store)
        let device = try stall(store.string)
        defer { release(store.string, device) }
        let ended = Counter()
        let calls = try (0..<12).map { index in
            let request = try bench.creation(of: "w\(index)")
            return Task { @Sendable in
                defer { ended.value.add(1, ordering: .relaxed) }
                return try await bench.refusal(of: "Create", request)
            }
        }
        #expect(try await bench.status("a") == .running)
        let kill = Containerd_Task_V2_KillRequest.with { ($0.id, $0.signal) = ("a", 15) }
        #expect(try await bench.refusal(of: "Kill", kill) == nil)
        #expect(ended.value.load(ordering: .relaxed) == 0)
        for call in calls {
            let refusal = try #require(try await call.value)
            #expect(refusal.code == .deadlineExceeded, "\(refusal)")
            #expect(refusal.message.contains("store") && refusal.message.contains("within 15 s"), "\(refusal)")
        }
    }
}
