import LinuxSystem
import ContainerdAPI
import Glibc
import OCI
import Runtime
import SwiftProtobuf
import TTRPC
import Logging
import Logs

/// containerd's Task service (containerd, api/runtime/task/v2/shim.proto; v3 differs in its name alone).
actor TaskService: Service {
    nonisolated let names = ["containerd.task.v2.Task", "containerd.task.v3.Task"]

    private let hosting: Hosting
    private let publisher: EventPublisher
    private var tasks: [String: any ServedTask] = [:]
    /// Ids that are being made.
    private var claimed: Set<String> = []

    init(hosting: Hosting, publisher: EventPublisher) {
        self.hosting = hosting
        self.publisher = publisher
    }

    /// Whether nothing is served, and nothing about to be.
    var isIdle: Bool { tasks.isEmpty && claimed.isEmpty }

    nonisolated func call(_ method: String, payload: [UInt8]) async throws -> [UInt8] {
        do { return try await dispatch(method, payload) } catch {
            let status = Status(error)
            Log.logger.debug("\(method): \(status)")
            throw status
        }
    }

    private func dispatch(_ method: String, _ payload: [UInt8]) async throws -> [UInt8] {
        switch method {
        case "Create", "Start", "Delete", "Exec", "Wait", "State", "Connect", "Shutdown":
            return try await dispatchLife(method, payload)
        default: return try await dispatchRequest(method, payload)
        }
    }

    private func dispatchLife(_ method: String, _ payload: [UInt8]) async throws -> [UInt8] {
        switch method {
        case "Create": return try await answer(payload) { try await create($0) }
        case "Start": return try await answer(payload) { try await start($0) }
        case "Delete": return try await answer(payload) { try await delete($0) }
        case "Exec":
            return try await answer(payload) { (request: Containerd_Task_V2_ExecProcessRequest) in
                try Self.checkID(request.execID, of: "process")
                try await task(request.id).addExec(request)
                return Google_Protobuf_Empty()
            }
        case "Wait":
            return try await answer(payload) { (request: Containerd_Task_V2_WaitRequest) in
                let exit = try await task(request.id).wait(request.execID)
                var response = Containerd_Task_V2_WaitResponse()
                response.exitStatus = exit.code
                response.exitedAt = .init(nanoseconds: exit.time)
                return response
            }
        case "State":
            return try await answer(payload) { (request: Containerd_Task_V2_StateRequest) in
                try await task(request.id).state(request.execID)
            }
        case "Connect":
            return try await answer(payload) { (request: Containerd_Task_V2_ConnectRequest) in
                var response = Containerd_Task_V2_ConnectResponse()
                response.shimPid = UInt32(getpid())
                response.taskPid = await tasks[request.id]?.processID ?? 0
                response.version = Shim.version
                return response
            }
        default:
            // The daemon ends by itself when it is idle: an order to end would race with the next start.
            return try await answer(payload) { (_: Containerd_Task_V2_ShutdownRequest) in Google_Protobuf_Empty() }
        }
    }

    private func dispatchRequest(_ method: String, _ payload: [UInt8]) async throws -> [UInt8] {
        switch method {
        case "Kill":
            return try await done(payload) { (request: Containerd_Task_V2_KillRequest) in
                try await task(request.id).kill(request.execID, signal: request.signal, all: request.all)
            }
        case "ResizePty":
            return try await done(payload) { (request: Containerd_Task_V2_ResizePtyRequest) in
                try await task(request.id).resizeTerminal(request.execID, rows: request.height, columns: request.width)
            }
        case "CloseIO":
            return try await done(payload) { (request: Containerd_Task_V2_CloseIORequest) in
                try await task(request.id).closeInput(request.execID, request.stdin)
            }
        case "Pause":
            return try await done(payload) { (request: Containerd_Task_V2_PauseRequest) in
                try await task(request.id).setPaused(true)
            }
        case "Resume":
            return try await done(payload) { (request: Containerd_Task_V2_ResumeRequest) in
                try await task(request.id).setPaused(false)
            }
        case "Update":
            return try await done(payload) { (request: Containerd_Task_V2_UpdateTaskRequest) in
                try await task(request.id).update(Array(request.resources.value))
            }
        case "Pids":
            return try await answer(payload) { (request: Containerd_Task_V2_PidsRequest) in
                var response = Containerd_Task_V2_PidsResponse()
                for id in try await task(request.id).processIDs() {
                    response.processes.append(.with { $0.pid = id })
                }
                return response
            }
        case "Stats":
            return try await answer(payload) { (request: Containerd_Task_V2_StatsRequest) in
                var response = Containerd_Task_V2_StatsResponse()
                response.stats = try await task(request.id).stats()
                return response
            }
        case "Checkpoint": throw Status(.unimplemented, "containers cannot be checkpointed")
        default: throw Status(.unimplemented, "there is no method \(quoted(method)) of the Task service")
        }
    }

    private func answer<Request: SwiftProtobuf.Message, Response: SwiftProtobuf.Message>(
        _ payload: [UInt8], _ body: (Request) async throws -> Response
    ) async throws -> [UInt8] {
        let request: Request
        do { request = try Request(serializedBytes: payload) } catch {
            throw Status(.invalidArgument, "the request is no \(Request.protoMessageName)")
        }
        return try await body(request).serializedBytes()
    }

    private func done<Request: SwiftProtobuf.Message>(
        _ payload: [UInt8], _ body: (Request) async throws -> Void
    ) async throws -> [UInt8] {
        try await answer(payload) { (request: Request) in
            try await body(request)
            return Google_Protobuf_Empty()
        }
    }

    /// Ids become names of files and parts of messages. containerd's own are stricter (identifiers.Validate).
    private static func checkID(_ id: String, of what: String) throws {
        let isName = id.utf8.allSatisfy { $0 > 0x20 && $0 < 0x7F && $0 != UInt8(ascii: "/") && $0 != UInt8(ascii: "@") }
        guard (1...128).contains(id.utf8.count), isName, !id.hasPrefix(".") else {
            throw Status(
                .invalidArgument,
                "\(quoted(id)) is no id of a \(what): expected 1 to 128 visible characters without / and @, no dot first"
            )
        }
    }

    private func task(_ id: String) throws -> any ServedTask {
        guard let task = tasks[id] else { throw Status(.notFound, "there is no container \(quoted(id)) in this shim") }
        return task
    }

    // MARK: life

    private func create(_ request: Containerd_Task_V2_CreateTaskRequest) async throws
        -> Containerd_Task_V2_CreateTaskResponse
    {
        guard request.checkpoint.isEmpty else {
            throw Status(.unimplemented, "containers cannot be restored from a checkpoint")
        }
        try Self.checkID(request.id, of: "container")
        guard tasks[request.id] == nil, claimed.insert(request.id).inserted else {
            throw Status(.alreadyExists, "there is a container \(quoted(request.id)) already")
        }
        defer { claimed.remove(request.id) }
        let task = try await make(request)
        tasks[request.id] = task
        var response = Containerd_Task_V2_CreateTaskResponse()
        response.pid = await task.processID
        return response
    }

    /// What a bundle says, made fit for a VM.
    private struct Reading: Sendable {
        let membership: Membership
        let specification: PodSpecification
        /// Nil for a sandbox.
        let root: RootSource?
        var hooks: ContainerHooks?
    }

    private func read(_ request: Containerd_Task_V2_CreateTaskRequest) async throws -> Reading {
        let (namespace, bundle) = (hosting.namespace, Bundle(request.bundle))
        return try await hosting.work.run {
            var spec = try bundle.specification()
            let membership = try Membership(
                id: request.id, annotations: spec.annotations ?? [:], namespace: namespace)
            spec.process?.terminal = request.terminal
            if membership.role == .sandbox {
                return Reading(
                    membership: membership, specification: try PodSpecification.sandbox(spec, membership), root: nil)
            }
            let root = try RootSource(request.rootfs, root: spec.root?.path, bundle: request.bundle)
            return Reading(
                membership: membership,
                specification: try PodSpecification(spec, membership, read: InlineSource.read), root: root,
                hooks: try ContainerHooks(of: spec, id: request.id, bundle: request.bundle))
        }
    }

    private func make(_ request: Containerd_Task_V2_CreateTaskRequest) async throws -> any ServedTask {
        let reading = try await read(request)
        let (membership, specification) = (reading.membership, reading.specification)
        let io = StandardIO(
            input: request.stdin, output: request.stdout, error: request.stderr, hasTerminal: request.terminal)
        guard let root = reading.root else {
            let pod = Pod(id: request.id, hosting: hosting, membership: membership, specification: specification)
            let task = SandboxTask(
                id: request.id, bundle: request.bundle, io: io, publisher: publisher, pod: pod)
            await task.create()
            return task
        }
        let task = ContainerTask(
            id: request.id, bundle: request.bundle, io: io, hosting: hosting, publisher: publisher,
            membership: membership, specification: specification, pod: try pod(of: membership),
            hooked: reading.hooks.map { HookedContainer($0, hosting.work) })
        try await task.create(root)
        return task
    }

    /// Nil for a container on its own.
    private func pod(of membership: Membership) throws -> Pod? {
        guard case .member(let sandbox) = membership.role else { return nil }
        guard let task = tasks[sandbox] as? SandboxTask else {
            throw Status(.notFound, "there is no sandbox \(quoted(sandbox)) in this shim")
        }
        return task.pod
    }

    private func start(_ request: Containerd_Task_V2_StartRequest) async throws -> Containerd_Task_V2_StartResponse {
        var response = Containerd_Task_V2_StartResponse()
        response.pid = try await task(request.id).start(request.execID)
        return response
    }

    private func delete(_ request: Containerd_Task_V2_DeleteRequest) async throws -> Containerd_Task_V2_DeleteResponse {
        let task = try task(request.id)
        let exit = try await task.delete(request.execID)
        var response = Containerd_Task_V2_DeleteResponse()
        response.pid = await task.processID
        response.exitStatus = exit.code
        response.exitedAt = .init(nanoseconds: exit.time)
        if request.execID.isEmpty { tasks[request.id] = nil }
        return response
    }
}
