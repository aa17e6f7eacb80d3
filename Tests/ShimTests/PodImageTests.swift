import AgentProtocol
import ContainerdAPI
import ControlProtocol
import Glibc
import OCI
import Synchronization
import TTRPC
import Testing

@testable import Shim

/// What a pod's VM is asked to make its containers' roots of. Sharing a directory needs root.
@Suite(.timeLimit(.minutes(1)), .enabled(if: geteuid() == 0, "sharing a directory needs root")) struct PodImageTests {
    private static let type = "io.kubernetes.cri.container-type"

    /// What a VM was asked for.
    private final class Requests: Sendable {
        private let all = Mutex<[ControlRequest]>([])

        func note(_ request: ControlRequest) { all.withLock { $0.append(request) } }

        var volumes: [AttachRequest.Volume] {
            all.withLock { $0 }.flatMap { request -> [AttachRequest.Volume] in
                if case .attach(let attach) = request { attach.volumes } else { [] }
            }
        }
        /// Their digests.
        var images: [String] {
            all.withLock { $0 }.compactMap { if case .bringImage(let digest) = $0 { digest } else { nil } }
        }
        var layers: [Tree] {
            all.withLock { $0 }.flatMap { request -> [Tree] in
                if case .create(let create) = request { create.run.create.specification.root.layers } else { [] }
            }
        }
    }

    /// Makes one more container of the pod, of the image that is this layer.
    private func add(_ id: String, _ layer: String, to bench: ShimBench) async throws {
        let request = try bench.creation(of: id, layer: layer) {
            $0.annotations = [Self.type: "container", "io.kubernetes.cri.sandbox-id": "pod"]
        }
        _ = try await bench.call("Create", request, Containerd_Task_V2_CreateTaskResponse.self)
    }

    @Test func whatIsNotTheVMsImageIsBroughtToIt() async throws {
        let bench = try await ShimBench()
        try await bench.create("pod") { $0.annotations = [Self.type: "sandbox"] }
        try await add("first", "layer", to: bench)
        let requests = Requests()
        try bench.machine.follow { request, _ in
            requests.note(request)
            return false
        }
        try await add("other", "other-layer", to: bench)
        #expect(requests.layers == [.image(device: 1)] && requests.volumes.isEmpty)
        #expect(try bench.hosting.images.list().map(\.digest.description).contains(try #require(requests.images.first)))
        #expect(bench.starter.machines.count == 1)
    }

    @Test func whatTheVMHasNoPlaceForIsAVolume() async throws {
        let bench = try await ShimBench()
        try await bench.create("pod") { $0.annotations = [Self.type: "sandbox"] }
        try await add("first", "layer", to: bench)
        let requests = Requests()
        try bench.machine.follow { request, client in
            requests.note(request)
            guard case .bringImage = request else { return false }
            client.reply(.refused(Refusal(.full, "the VM has no place")))
            return true
        }
        try await add("same", "layer", to: bench)
        #expect(requests.layers == [.image(device: 0)] && requests.volumes.isEmpty)
        try await add("other", "other-layer", to: bench)
        #expect(requests.layers == [.image(device: 0), .share(tag: "czone", path: "0")])
        #expect(requests.volumes == [AttachRequest.Volume(isReadOnly: true, isRecursive: false, isConstant: true)])
        #expect(bench.starter.machines.count == 1)
    }

    @Test func aLayerThatIsGoneIsRefusedByItsName() async throws {
        let bench = try await ShimBench()
        try await bench.create("pod") { $0.annotations = [Self.type: "sandbox"] }
        try await add("first", "layer", to: bench)
        var request = try bench.creation(of: "other") {
            $0.annotations = [Self.type: "container", "io.kubernetes.cri.sandbox-id": "pod"]
        }
        request.rootfs[0].source = "/no/such/layer"
        let refusal = try await bench.refusal(of: "Create", request)
        #expect(refusal?.message.contains("/no/such/layer") == true)
        #expect(try await bench.status("first") == .created)
        try await add("other", "other-layer", to: bench)
    }
}
