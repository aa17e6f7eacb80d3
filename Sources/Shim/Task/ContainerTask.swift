import LinuxSystem
import ContainerdAPI
import ControlProtocol
import Glibc
import OCI
import Runtime
import TTRPC

/// A container as containerd sees it, from Create to Delete. Its state is its first process's.
actor ContainerTask: ServedTask {
    nonisolated let id: String
    let bundle: String
    let hosting: Hosting
    let events: TaskEvents
    let membership: Membership
    /// With the process's defaults for what is executed in it.
    let specification: PodSpecification
    /// The pod that the container belongs to; nil: it is alone.
    let pod: Pod?
    /// What it has on the host; nil: it has no hooks.
    let hooked: HookedContainer?
    let initial: TaskProcess
    var executed: [String: TaskProcess] = [:]
    /// The VM that it is in, once it is.
    var home: Home?
    var processorTime = ProcessorTime()
    /// What its zone has plugged, and its memory limit's room in it.
    var zoneSizeInBytes: UInt64 = 0
    /// What its zone grows to by itself; 0: it does not.
    var maxZoneSizeInBytes: UInt64 = 0

    init(
        id: String, bundle: String, io: StandardIO, hosting: Hosting, publisher: EventPublisher, membership: Membership,
        specification: PodSpecification, pod: Pod?, hooked: HookedContainer?
    ) {
        self.id = id
        self.bundle = bundle
        self.hosting = hosting
        events = TaskEvents(id: id, publisher: publisher)
        self.membership = membership
        self.specification = specification
        self.pod = pod
        self.hooked = hooked
        initial = TaskProcess(execID: "", io: io)
    }

    /// Of the process that stands for it, or else of its VM.
    var processID: UInt32 { UInt32(hooked?.processID ?? home?.processID ?? getpid()) }
    var registryID: String { hosting.registryID(id) }

    func process(_ execID: String) throws -> TaskProcess {
        if execID.isEmpty { return initial }
        guard let process = executed[execID] else {
            throw Status(.notFound, "there is no process \(quoted(execID)) in the container \(id)")
        }
        return process
    }

    /// The control connection of a process that is there.
    func connection(of process: TaskProcess) throws -> MachineConnection {
        guard !process.hasEnded, let connection = process.connection else {
            throw Status(process.hasEnded ? .notFound : .failedPrecondition, "\(name(process)) does not run")
        }
        return connection
    }

    func name(_ process: TaskProcess) -> String {
        process.execID.isEmpty ? "the container \(id)" : "the process \(process.execID) of the container \(id)"
    }

    // MARK: making and starting

    /// Makes the container in a VM.
    func create(_ root: RootSource) async throws {
        do {
            let namespace = pod?.specification.networkNamespace ?? specification.networkNamespace
            try await hooked?.begin(hosting.holder, namespaceAt: namespace)
            try await place(root)
        } catch {
            await hooked?.end()
            throw error
        }
        hooked?.whenKilled { [weak self] in try? await self?.kill("", signal: UInt32(SIGKILL), all: true) }
        events.created(bundle: bundle, initial.io, processID: processID)
    }

    func start(_ execID: String) async throws -> UInt32 {
        let process = try process(execID)
        try process.beginStart(of: name(process))
        do {
            if execID.isEmpty { try await startInitial() } else { try await execute(process) }
        } catch {
            _ = process.finishStart(hasFailed: true)
            throw error
        }
        let earlyEnd = process.finishStart(hasFailed: false)
        events.started(execID, processID: processID)
        if let earlyEnd { note(process, earlyEnd) }
        return processID
    }

    private func startInitial() async throws {
        guard let connection = initial.connection else {
            throw Status(.failedPrecondition, "\(name(initial)) was not made")
        }
        try await connection.ask(.start(container: registryID))
        await hooked?.noteStart()
    }

    func state(_ execID: String) throws -> Containerd_Task_V2_StateResponse {
        let process = try process(execID)
        var response = process.response(id: id, bundle: bundle, processID: processID)
        if process.isRunning, initial.isPaused { response.status = .paused }
        return response
    }

    // MARK: waiting and deleting

    func wait(_ execID: String) async throws -> ProcessExit {
        let process = try process(execID)
        let number = process.nextWaiterNumber()
        let exit = await withTaskCancellationHandler {
            await end(of: process, for: number)
        } onCancel: {
            Task { await self.dismiss(execID, number) }
        }
        guard let exit else { throw Status(.cancelled, "nobody waits any more") }
        return exit
    }

    /// A method of the actor's own: in a closure that names the process and not the actor, the process would be touched
    /// beside the actor, without a complaint of the compiler's.
    private func end(of process: TaskProcess, for waiter: UInt64) async -> ProcessExit? {
        await withCheckedContinuation { process.add($0, number: waiter) }
    }

    private func dismiss(_ execID: String, _ number: UInt64) { try? process(execID).dismiss(number) }

    /// Forgets a process that has ended, or was never started.
    func delete(_ execID: String) async throws -> ProcessExit {
        let process = try process(execID)
        guard process.isCreated || process.exit != nil else {
            throw Status(.failedPrecondition, "\(name(process)) cannot be deleted: it is \(process.state.word)")
        }
        if execID.isEmpty { try await removeFromMachine() }
        let exit = process.exit ?? ProcessExit(code: 137)
        process.end(exit)
        if let streams = process.streams {
            process.streams = nil
            await streams.end()
        }
        executed[execID] = nil
        events.deleted(execID, exit, processID: processID)
        return exit
    }

    private func removeFromMachine() async throws {
        if initial.isCreated, let connection = initial.connection {
            // Made and never started. A VM that does not answer removes it with the connection.
            _ = try? await connection.ask(.remove(container: registryID))
            connection.close()
        }
        let (registry, id) = (hosting.registry, registryID)
        try await hosting.work.run { try registry.forget(id) }
        await hooked?.end()
    }
}
