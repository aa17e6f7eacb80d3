import ContainerdAPI
import FoundationEssentials
import LinuxSystem
import NIOPosix
import OCI
import Runtime
import SwiftProtobuf
import SystemPackage
import TTRPC
import TestSupport

@testable import Shim

/// The Task service as containerd meets it: over ttrpc, with a containerd that takes its events, and fake VMs.
final class ShimBench: Sendable {
    static let service = "containerd.task.v2.Task"
    /// In milliseconds: what is not answered by then is a failure of the test.
    private static let patience: Int64 = 30_000

    let starter = FakeStarter()
    let hosting: Hosting
    let events: RecordedEvents
    private let directory: TemporaryDirectory
    private let client: Client
    private let running: [Task<Void, any Error>]

    /// The one VM that has been started.
    var machine: FakeMachine {
        get throws {
            guard let machine = starter.machines.first else { throw Status(.notFound, "no VM was started") }
            return machine
        }
    }

    init(timeouts: ControlTimeouts = .standard) async throws {
        directory = try TemporaryDirectory()
        let (path, group) = (directory.path, MultiThreadedEventLoopGroup.singleton)
        for name in ["layer", "bundles"] { try FileSystem.makeDirectory("\(path)/\(name)") }
        hosting = try Hosting(
            namespace: "test",
            directories: ShimDirectories(root: FilePath("\(path)/run"), store: FilePath("\(path)/store")),
            group: group, starter: starter, provider: NoProvider(),
            files: VirtualMachineFiles(monitor: "/bin/true", kernel: "/bin/true", initialRAMDisk: "/bin/true"),
            timeouts: timeouts, holder: ["/bin/cat"])
        let events = RecordedEvents()
        self.events = events
        let publisher = EventPublisher(address: "\(path)/events", namespace: "test", group: group)
        let service = TaskService(hosting: hosting, publisher: publisher)
        let (taskSocket, eventSocket) = (
            try UnixSocket.listen(at: "\(path)/task"), try UnixSocket.listen(at: "\(path)/events")
        )
        running = [
            Task { try await Server([service]).run(on: taskSocket, group: group) },
            Task { try await Server([events]).run(on: eventSocket, group: group) },
            Task { await publisher.run() },
        ]
        client = try await Client.connect(to: "\(path)/task", group: group)
    }

    deinit {
        for task in running { task.cancel() }
        for machine in starter.machines { machine.die() }
        let client = client
        Task { await client.close() }
    }

    /// What a call is answered.
    func call<Response: SwiftProtobuf.Message>(
        _ method: String, _ request: some SwiftProtobuf.Message, _ type: Response.Type = Google_Protobuf_Empty.self
    ) async throws -> Response {
        let answer = try await client.call(
            Self.service, method, payload: request.serializedBytes(), within: Self.patience)
        return try Response(serializedBytes: answer)
    }

    /// Why a call is refused; nil where it is not.
    func refusal(of method: String, _ request: some SwiftProtobuf.Message) async throws -> Status? {
        do {
            _ = try await client.call(
                Self.service, method, payload: request.serializedBytes(), within: Self.patience)
            return nil
        } catch let status as Status { return status }
    }

    /// The same for a payload that is no message.
    func refusal(of method: String, payload: [UInt8]) async throws -> Status? {
        do {
            _ = try await client.call(Self.service, method, payload: payload, within: Self.patience)
            return nil
        } catch let status as Status { return status }
    }

    // MARK: containers

    /// A bundle as containerd makes one.
    func bundle(_ id: String, _ change: (inout RuntimeSpec) -> Void = { _ in }) throws -> String {
        let path = "\(directory.path)/bundles/\(id)"
        try FileSystem.makeDirectories(FilePath(path))
        var spec = try RuntimeSpec.default(for: ImageConfig(cmd: ["/app"]), accounts: Accounts(), hostname: "box")
        spec.process?.capabilities = nil
        spec.linux?.seccomp = nil
        spec.linux?.namespaces = ["pid", "mount", "network", "ipc", "uts"].map { RuntimeSpec.Namespace(type: $0) }
        spec.linux?.resources = nil
        spec.mounts = []
        change(&spec)
        try FileSystem.replace("\(path)/config.json", with: try spec.json())
        return path
    }

    /// - Parameter layer: the directory that is its image; made where there is none.
    func creation(
        of id: String, layer: String = "layer", _ change: (inout RuntimeSpec) -> Void = { _ in }
    ) throws -> Containerd_Task_V2_CreateTaskRequest {
        let bundle = try bundle(id, change)
        let layer = "\(directory.path)/\(layer)"
        try FileSystem.makeDirectories(FilePath(layer))
        return .with {
            $0.id = id
            $0.bundle = bundle
            $0.rootfs = [
                .with {
                    $0.type = "bind"
                    $0.source = layer
                }
            ]
        }
    }

    func create(_ id: String, _ change: (inout RuntimeSpec) -> Void = { _ in }) async throws {
        _ = try await call("Create", try creation(of: id, change), Containerd_Task_V2_CreateTaskResponse.self)
    }

    func start(_ id: String, exec: String = "") async throws {
        let request = Containerd_Task_V2_StartRequest.with { ($0.id, $0.execID) = (id, exec) }
        _ = try await call("Start", request, Containerd_Task_V2_StartResponse.self)
    }

    /// A container that runs.
    func run(_ id: String) async throws {
        try await create(id)
        try await start(id)
    }

    static let process = #"{"args":["/bin/true"],"cwd":"/","user":{"uid":0,"gid":0}}"#

    func execution(
        _ exec: String, in id: String, _ process: String = process
    ) -> Containerd_Task_V2_ExecProcessRequest {
        .with {
            ($0.id, $0.execID) = (id, exec)
            $0.spec = .with { $0.value = Data(process.utf8) }
        }
    }

    func status(_ id: String, exec: String = "") async throws -> Containerd_V1_Types_Status {
        let request = Containerd_Task_V2_StateRequest.with { ($0.id, $0.execID) = (id, exec) }
        return try await call("State", request, Containerd_Task_V2_StateResponse.self).status
    }

    /// How it ends.
    func wait(_ id: String, exec: String = "") async throws -> UInt32 {
        let request = Containerd_Task_V2_WaitRequest.with { ($0.id, $0.execID) = (id, exec) }
        return try await call("Wait", request, Containerd_Task_V2_WaitResponse.self).exitStatus
    }

    func delete(_ id: String, exec: String = "") async throws -> UInt32 {
        let request = Containerd_Task_V2_DeleteRequest.with { ($0.id, $0.execID) = (id, exec) }
        return try await call("Delete", request, Containerd_Task_V2_DeleteResponse.self).exitStatus
    }
}

/// A request for other limits, as runtime-spec's JSON.
func limits(of id: String, _ resources: String) -> Containerd_Task_V2_UpdateTaskRequest {
    .with {
        $0.id = id
        $0.resources = .with { $0.value = Data(resources.utf8) }
    }
}

/// containerd's service for events, which keeps them.
actor RecordedEvents: Service {
    nonisolated let names = ["containerd.services.events.ttrpc.v1.Events"]
    private var all: [Google_Protobuf_Any] = []
    private var waiting: [(count: Int, CheckedContinuation<Void, Never>)] = []

    func call(_ method: String, payload: [UInt8]) throws -> [UInt8] {
        let request = try Containerd_Services_Events_Ttrpc_V1_ForwardRequest(serializedBytes: payload)
        all.append(request.envelope.event)
        for waiter in waiting where waiter.count <= all.count { waiter.1.resume() }
        waiting.removeAll { $0.count <= all.count }
        return []
    }

    /// The events of a type, once there are so many events of all types.
    func first<Event: SwiftProtobuf.Message>(_ count: Int, _ type: Event.Type) async throws -> [Event] {
        if all.count < count { await withCheckedContinuation { waiting.append((count, $0)) } }
        return try all.filter { $0.typeURL == Event.protoMessageName }.map { try Event(serializedBytes: $0.value) }
    }
}
