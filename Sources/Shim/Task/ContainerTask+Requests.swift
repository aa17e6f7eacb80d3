import AgentProtocol
import ContainerdAPI
import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import Runtime
import SwiftProtobuf
import TTRPC

/// What containerd asks of a container that is there.
extension ContainerTask {
    func state(_ execID: String) throws -> Containerd_Task_V2_StateResponse {
        let process = try process(execID)
        var state = Containerd_Task_V2_StateResponse()
        state.id = id
        state.execID = execID
        state.bundle = bundle
        state.pid = processID
        state.status =
            switch process.phase {
            case .created, .starting: .created
            case .running: isPaused ? .paused : .running
            case .stopped: .stopped
            }
        state.stdin = process.io.input
        state.stdout = process.io.output
        state.stderr = process.io.error
        state.terminal = process.io.hasTerminal
        if let exit = process.exit {
            state.exitStatus = exit.code
            state.exitedAt = .init(nanoseconds: exit.time)
        }
        return state
    }

    func addExec(_ request: Containerd_Task_V2_ExecProcessRequest) throws {
        guard executed[request.execID] == nil else {
            throw Status(.alreadyExists, "there is a process \(quoted(request.execID)) in the container \(id) already")
        }
        guard pod == nil else { throw Status(.unimplemented, "the sandbox \(id) has no root and runs no programs") }
        guard initial.phase == .running else { throw Status(.failedPrecondition, "the container \(id) does not run") }
        var spec = try RuntimeSpec.Process(json: Array(request.spec.value))
        spec.terminal = request.terminal
        spec.apparmorProfile = nil
        spec.selinuxLabel = nil
        let io = StandardIO(
            input: request.stdin, output: request.stdout, error: request.stderr, hasTerminal: request.terminal)
        executed[request.execID] = TaskProcess(execID: request.execID, io: io, spec: spec)
        var event = Containerd_Events_TaskExecAdded()
        event.containerID = id
        event.execID = request.execID
        publisher.publish("/tasks/exec-added", event)
    }

    func kill(_ execID: String, signal: UInt32, all: Bool) async throws {
        let process = try process(execID)
        guard process.phase != .stopped else { throw Status(.notFound, "\(name(process)) has ended already") }
        guard signal <= 64 else { throw Status(.invalidArgument, "there is no signal \(signal)") }
        if let pod, execID.isEmpty { return await pod.signal(signal) }
        let request = ControlRequest.signal(container: registryID, process: process.number, signal: signal, all: all)
        do { _ = try await connection(of: process).ask(request) } catch {
            // Between the end in the guest and our hearing of it.
            if process.phase == .stopped { throw Status(.notFound, "\(name(process)) has ended already") }
            if case RuntimeError.refused(let refusal) = error, refusal.code == ESRCH {
                throw Status(.notFound, "\(name(process)) has ended already")
            }
            throw error
        }
    }

    func resizeTerminal(_ execID: String, rows: UInt32, columns: UInt32) async throws {
        let process = try process(execID)
        guard let rows = UInt16(exactly: rows), let columns = UInt16(exactly: columns) else {
            throw Status(.invalidArgument, "a terminal of \(columns)x\(rows) characters, expected at most 65535 each")
        }
        _ = try await connection(of: process).ask(
            .resizeTerminal(container: registryID, process: process.number, rows: rows, columns: columns))
    }

    func closeInput(_ execID: String) throws { try process(execID).streams?.closeInput() }

    /// The ids that the processes have in the guest: they have none on the host.
    func processIDs() async throws -> [UInt32] {
        if pod != nil { return initial.phase == .stopped ? [] : [processID] }
        guard case .processes(let ids) = try await connection(of: initial).ask(.processes(container: registryID)) else {
            throw Status(.internalError, "the VM answered something else than the container's processes")
        }
        return ids
    }

    func setPaused(_ paused: Bool) async throws {
        guard pod == nil else { throw Status(.unimplemented, "a sandbox has nothing to pause") }
        guard initial.phase == .running else { throw Status(.failedPrecondition, "the container \(id) does not run") }
        _ = try await connection(of: initial).ask(.pause(container: registryID, paused: paused))
        isPaused = paused
        if paused {
            var event = Containerd_Events_TaskPaused()
            event.containerID = id
            publisher.publish("/tasks/paused", event)
        } else {
            var event = Containerd_Events_TaskResumed()
            event.containerID = id
            publisher.publish("/tasks/resumed", event)
        }
    }

    /// Changes limits. A memory limit beyond the zone grows the zone as far as its VM's zones go; one below what is in
    /// use is refused, as it would have the container killed.
    func update(_ bytes: [UInt8]) async throws {
        guard pod == nil else { return }
        guard initial.phase != .stopped, let home else {
            throw Status(.failedPrecondition, "the container \(id) does not run")
        }
        let resources = try RuntimeSpec.Resources(json: bytes)
        // Rules of devices, and host CPUs, are the host's: the guest has none of them.
        var own = resources
        own.devices = nil
        let compiler = SpecificationCompiler(layers: [], zoneSizeInBytes: home.key.zoneSizeInBytes)
        let limits = try compiler.limits(own)
        let connection = try connection(of: initial)
        var memoryMax: UInt64?
        if let asked = own.memory?.limit, asked > 0 {
            memoryMax = try await makeRoom(for: UInt64(asked), in: home, connection)
        }
        _ = try await connection.ask(
            .update(
                container: registryID, memoryMax: memoryMax, processesMax: limits.processesMax,
                cpuQuota: limits.cpuQuota,
                cpuPeriod: limits.cpuPeriod, cpuWeight: limits.cpuWeight))
    }

    /// memory.max for so much memory, when the zone has room for it.
    private func makeRoom(for memory: UInt64, in home: Home, _ connection: MachineConnection) async throws -> UInt64 {
        let wanted = try ZoneSize.fitting(memory)
        let most = home.key.zoneSizeInBytes
        guard wanted <= most else {
            throw Status(
                .failedPrecondition,
                "the container \(id) cannot have \(ByteSize(bytes: memory)): the zones of its VM have \(ByteSize(bytes: most)); the annotation \(Annotation.zoneSize) makes them larger"
            )
        }
        if wanted > zoneSizeInBytes {
            _ = try await connection.ask(.resizeZone(container: registryID, sizeInBytes: wanted))
            zoneSizeInBytes = wanted
        } else if let used = try await measure()?.memoryCurrent, used > memory {
            throw Status(
                .failedPrecondition,
                "the container \(id) cannot shrink to \(ByteSize(bytes: memory)): it uses \(ByteSize(bytes: used))")
        }
        return ZoneSize.memoryLimit(memory, inZoneOf: zoneSizeInBytes)
    }

    /// What the guest says that the container uses; nil where it says nothing.
    func measure() async throws -> ContainerMeasure? {
        guard case .description(let vm) = try await connection(of: initial).ask(.describe(measured: true)) else {
            return nil
        }
        return vm.containers.first { $0.id == registryID }?.measure
    }

    func stats() async throws -> Google_Protobuf_Any {
        guard initial.phase != .stopped else { throw Status(.notFound, "\(name(initial)) has ended already") }
        let measure = pod == nil && initial.connection != nil ? try await measure() : nil
        return try Google_Protobuf_Any(metrics: Metrics(measure, zoneSizeInBytes: zoneSizeInBytes).message)
    }
}
