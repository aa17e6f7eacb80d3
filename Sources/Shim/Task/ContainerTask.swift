import AgentProtocol
import ContainerdAPI
import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import Runtime
import TTRPC

/// A container as containerd sees it, from Create to Delete.
actor ContainerTask {
    nonisolated let id: String
    nonisolated let bundle: String
    let hosting: Hosting
    let publisher: EventPublisher
    let membership: Membership
    /// With the process's defaults for what is executed in it.
    let specification: PodSpecification
    /// Of a sandbox: the pod that it stands for.
    let pod: Pod?
    /// The pod that the container belongs to.
    let memberOf: Pod?
    let initial: TaskProcess
    var executed: [String: TaskProcess] = [:]
    /// The VM that it is in; nil for a sandbox, whose pod knows.
    var home: Home?
    var isPaused = false
    var processorTime = ProcessorTime()
    /// What its zone has plugged, and its memory limit's room in it.
    var zoneSizeInBytes: UInt64 = 0

    init(
        id: String, bundle: String, io: StandardIO, hosting: Hosting, publisher: EventPublisher, membership: Membership,
        specification: PodSpecification, pod: Pod?, memberOf: Pod?
    ) {
        self.id = id
        self.bundle = bundle
        self.hosting = hosting
        self.publisher = publisher
        self.membership = membership
        self.specification = specification
        self.pod = pod
        self.memberOf = memberOf
        initial = TaskProcess(execID: "", io: io)
    }

    /// A live process of the host that stands for the container: its VM; a sandbox's, which may have none yet, is this
    /// daemon.
    var processID: UInt32 { UInt32(home?.processID ?? getpid()) }
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
        guard process.phase != .stopped, let connection = process.connection else {
            throw Status(process.phase == .stopped ? .notFound : .failedPrecondition, "\(name(process)) does not run")
        }
        return connection
    }

    func name(_ process: TaskProcess) -> String {
        process.execID.isEmpty ? "the container \(id)" : "the process \(process.execID) of the container \(id)"
    }

    // MARK: making and starting

    /// Makes the container in a VM; a sandbox waits until its pod is somewhere.
    func create(_ root: RootSource?) async throws {
        if pod == nil, let root { try await place(root) }
        var event = Containerd_Events_TaskCreate()
        event.containerID = id
        event.bundle = bundle
        event.pid = processID
        event.io.stdin = initial.io.input
        event.io.stdout = initial.io.output
        event.io.stderr = initial.io.error
        event.io.terminal = initial.io.hasTerminal
        publisher.publish("/tasks/create", event)
    }

    func start(_ execID: String) async throws -> UInt32 {
        let process = try process(execID)
        guard process.phase == .created else {
            throw Status(.failedPrecondition, "\(name(process)) cannot be started: it is \(process.phase)")
        }
        process.phase = .starting
        do {
            if !execID.isEmpty { try await execute(process) } else if pod == nil { try await startInitial(process) }
        } catch {
            if process.phase == .starting { process.phase = .created }
            // What could not be started has ended too, where the VM says so.
            if let early = process.earlyEnd { process.end(early) }
            throw error
        }
        if process.phase == .starting { process.phase = .running }
        publishStart(process)
        if let early = process.earlyEnd { conclude(process, early) }
        return processID
    }

    private func publishStart(_ process: TaskProcess) {
        if process.execID.isEmpty {
            var event = Containerd_Events_TaskStart()
            event.containerID = id
            event.pid = processID
            publisher.publish("/tasks/start", event)
        } else {
            var event = Containerd_Events_TaskExecStarted()
            event.containerID = id
            event.execID = process.execID
            event.pid = processID
            publisher.publish("/tasks/exec-started", event)
        }
    }

    private func startInitial(_ process: TaskProcess) async throws {
        guard let connection = process.connection else {
            throw Status(.failedPrecondition, "\(name(process)) was not made")
        }
        _ = try await connection.ask(.start(container: registryID))
    }

    // MARK: ends

    /// Of the VM's word about a process's end; nil: the VM itself has ended.
    func ended(_ execID: String, _ record: ExitRecord?) {
        guard let process = execID.isEmpty ? initial : executed[execID], process.exit == nil else { return }
        guard let record else {
            tell(process, "czone: the container's VM has ended")
            return note(process, ProcessExit(code: 255))
        }
        if record.outOfMemory, execID.isEmpty {
            var event = Containerd_Events_TaskOOM()
            event.containerID = id
            publisher.publish("/tasks/oom", event)
        }
        if !record.reason.isEmpty { Log.tell(.info, "\(name(process)) ended with \(record.code): \(record.reason)") }
        note(process, ProcessExit(code: UInt32(record.code), time: record.time))
    }

    /// A sandbox ends with its pod.
    func end(code: UInt32) { note(initial, ProcessExit(code: code)) }

    private func note(_ process: TaskProcess, _ exit: ProcessExit) {
        if process.phase == .starting { process.earlyEnd = exit } else { conclude(process, exit) }
    }

    private func conclude(_ process: TaskProcess, _ exit: ProcessExit) {
        guard process.exit == nil else { return }
        if process.execID.isEmpty {
            for other in executed.values where other.phase == .running { conclude(other, exit) }
        }
        process.connection?.close()
        guard let streams = process.streams else { return publishEnd(process, exit) }
        process.streams = nil
        // What was printed into a file or a logger is there when the end is told.
        Task { [hosting] in
            try? await hosting.work.run { streams.end() }
            publishEnd(process, exit)
        }
    }

    private func publishEnd(_ process: TaskProcess, _ exit: ProcessExit) {
        guard process.exit == nil else { return }
        process.end(exit)
        var event = Containerd_Events_TaskExit()
        event.containerID = id
        event.id = process.execID.isEmpty ? id : process.execID
        event.pid = processID
        event.exitStatus = exit.code
        event.exitedAt = .init(nanoseconds: exit.time)
        publisher.publish("/tasks/exit", event)
    }

    /// A word on the process's standard error, where somebody reads that.
    private func tell(_ process: TaskProcess, _ line: String) {
        let path = process.io.hasTerminal || process.io.error.isEmpty ? process.io.output : process.io.error
        guard path.hasPrefix("/"), let fifo = try? OwnedDescriptor(opening: path, flags: O_WRONLY | O_NONBLOCK) else {
            return
        }
        _ = try? fifo.write(some: Array("\(line)\n".utf8)[...])
    }

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
    /// beside the actor, without a word of the compiler.
    private func end(of process: TaskProcess, for waiter: UInt64) async -> ProcessExit? {
        await withCheckedContinuation { process.add($0, number: waiter) }
    }

    private func dismiss(_ execID: String, _ number: UInt64) { try? process(execID).dismiss(number) }

    /// Forgets a process that has ended, or was never started.
    func delete(_ execID: String) async throws -> ProcessExit {
        let process = try process(execID)
        guard process.phase == .created || process.phase == .stopped else {
            throw Status(.failedPrecondition, "\(name(process)) cannot be deleted: it is \(process.phase)")
        }
        if execID.isEmpty { try await removeFromMachine() }
        let exit = process.exit ?? ProcessExit(code: 137)
        process.end(exit)
        process.streams?.end()
        executed[execID] = nil
        var event = Containerd_Events_TaskDelete()
        event.containerID = id
        event.id = execID
        event.pid = processID
        event.exitStatus = exit.code
        event.exitedAt = .init(nanoseconds: exit.time)
        publisher.publish("/tasks/delete", event)
        return exit
    }

    private func removeFromMachine() async throws {
        if let pod { return await pod.end() }
        if initial.phase == .created, let connection = initial.connection {
            // Made and never started.
            _ = try? await connection.ask(.remove(container: registryID))
        }
        let (registry, id) = (hosting.registry, registryID)
        try await hosting.work.run { try registry.forget(id) }
    }
}
