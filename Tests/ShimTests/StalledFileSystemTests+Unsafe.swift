import ContainerdAPI
import Glibc
import LinuxSystem
import OCI
import Synchronization
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

    @Test func containersThatWaitForOneHoldNoThreadThatOthersNeed() async throws {
        let directory = try TemporaryDirectory()
        let device = try OwnedDescriptor(opening: "/dev/fuse", flags: O_RDWR)
        let options = "fd=\(device.rawValue),rootmode=40000,user_id=0,group_id=0"
        // SAFETY: the strings live for the calls.
        try #require(unsafe mount("stalled", directory.path, "fuse", 0, options) == 0)
        defer { _ = unsafe umount2(directory.path, CInt(MNT_DETACH)) }
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
}
