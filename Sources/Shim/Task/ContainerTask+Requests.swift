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
        try demandRunning("run another process in")
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

    /// What is to be done needs a container that runs.
    private func demandRunning(_ deed: String) throws {
        let state = initial.phase == .running && isPaused ? "paused" : "\(initial.phase)"
        guard state == "running" else {
            throw Status(.failedPrecondition, "cannot \(deed) the container \(id): it is \(state)")
        }
    }

    func kill(_ execID: String, signal: UInt32, all: Bool) async throws {
        let process = try process(execID)
        guard process.phase != .stopped else { throw Status(.notFound, "\(name(process)) has ended already") }
        guard signal <= 64 else { throw Status(.invalidArgument, "there is no signal \(signal)") }
        if let pod, execID.isEmpty { return await pod.signal(signal) }
        let request = ControlRequest.signal(container: registryID, process: process.number, signal: signal, all: all)
        do { try await connection(of: process).ask(request) } catch {
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
        guard process.io.hasTerminal else {
            throw Status(.failedPrecondition, "\(name(process)) has no terminal whose size could be changed")
        }
        try await connection(of: process).ask(
            .resizeTerminal(container: registryID, process: process.number, rows: rows, columns: columns))
    }

    func closeInput(_ execID: String, _ input: Bool) throws {
        let process = try process(execID)
        if input { process.streams?.closeInput() }
    }

    /// The ids that the processes have in the guest: they have none on the host.
    func processIDs() async throws -> [UInt32] {
        if pod != nil { return initial.phase == .stopped ? [] : [processID] }
        guard case .processes(let ids) = try await connection(of: initial).ask(.processes(container: registryID)) else {
            throw Status(.internalError, "the VM answered something else than the container's processes")
        }
        // The guest's word: 0 stands for no process, and Linux has none above PID_MAX_LIMIT.
        return ids.filter { (1...4_194_304).contains($0) }
    }

    func setPaused(_ paused: Bool) async throws {
        guard pod == nil else { throw Status(.unimplemented, "a sandbox has nothing to pause") }
        if paused {
            try demandRunning("pause")
        } else if initial.phase != .running || !isPaused {
            throw Status(.failedPrecondition, "cannot resume the container \(id): it is \(initial.phase), not paused")
        }
        try await connection(of: initial).ask(.pause(container: registryID, paused: paused))
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

    /// Changes limits. A memory limit beyond the zone grows the zone as far as its VM's zones go. A lower one is the
    /// container's from then on, but its zone keeps its size: a block that goes offline would have its pages moved out of
    /// the zone, and what is free of it is the host's anyway. One below what is in use is refused, as it would have the
    /// container killed.
    func update(_ bytes: [UInt8]) async throws {
        guard pod == nil else { return }
        guard initial.phase == .running, let home else {
            throw Status(.failedPrecondition, "cannot change the limits of the container \(id): it is \(initial.phase)")
        }
        let resources = try RuntimeSpec.Resources(json: bytes)
        // Rules of devices, and host CPUs, are the host's: the guest has none of them.
        var own = resources
        own.devices = nil
        let compiler = SpecificationCompiler(layers: [], zoneSizeInBytes: home.key.zoneSizeInBytes)
        let limits = try compiler.limits(own)
        let connection = try connection(of: initial)
        var memoryMax: UInt64?
        if let asked = own.memory?.limit, asked != 0 {
            // Below 0: no limit but the zone's.
            let memory = asked < 0 ? zoneSizeInBytes : UInt64(asked)
            memoryMax = try await makeRoom(for: memory, in: home, connection)
        }
        try await connection.ask(
            .update(
                container: registryID, memoryMax: memoryMax, processesMax: limits.processesMax,
                cpuQuota: limits.cpuQuota,
                cpuPeriod: limits.cpuPeriod, cpuWeight: limits.cpuWeight))
    }

    /// memory.max for so much memory, when the zone has room for it.
    private func makeRoom(for memory: UInt64, in home: Home, _ connection: MachineConnection) async throws -> UInt64 {
        let wanted = try ZoneChoice.zone(for: memory)
        let most = home.key.zoneSizeInBytes
        guard wanted <= most else {
            throw Status(
                .failedPrecondition,
                "the container \(id) cannot have \(ByteSize(bytes: memory)): the zones of its VM have \(ByteSize(bytes: most)); the annotation \(Annotation.zoneSize) makes them larger"
            )
        }
        if wanted > zoneSizeInBytes {
            try await connection.ask(.resizeZone(container: registryID, sizeInBytes: wanted))
            zoneSizeInBytes = wanted
            return ZoneSize.memoryLimit(memory, inZoneOf: wanted)
        }
        let limit = ZoneSize.memoryLimit(memory, inZoneOf: zoneSizeInBytes)
        guard let used = try await measure()?.0.memoryCurrent else {
            throw Status(
                .unavailable,
                "the container \(id) cannot shrink to \(ByteSize(bytes: memory)): the guest does not tell what it uses")
        }
        guard used <= limit else {
            let (uses, zone) = (ByteSize(bytes: min(used, zoneSizeInBytes)), ByteSize(bytes: zoneSizeInBytes))
            throw Status(
                .failedPrecondition,
                "the container \(id) cannot shrink to \(ByteSize(bytes: memory)): it uses \(uses) of its zone of \(zone)"
            )
        }
        return limit
    }

    /// What the guest says that the container uses, and how many processors its VM has; nil where it says nothing.
    private func measure() async throws -> (ContainerMeasure, virtualCPUs: UInt32)? {
        guard case .description(let vm) = try await connection(of: initial).ask(.describe(measured: true)) else {
            return nil
        }
        let measure = vm.containers.first { $0.id == registryID }?.measure
        return measure.map { ($0, vm.virtualCPUs) }
    }

    func stats() async throws -> Google_Protobuf_Any {
        guard initial.phase != .stopped else { throw Status(.notFound, "\(name(initial)) has ended already") }
        var (measure, virtualCPUs): (ContainerMeasure?, UInt32) = (nil, 0)
        if pod == nil, let told = try await self.measure() { (measure, virtualCPUs) = (told.0, told.virtualCPUs) }
        let most = processorTime.most(virtualCPUs: virtualCPUs)
        let told = processorTime.tell(min(measure?.cpuUsage ?? 0, most))
        measure?.cpuUsage = told
        let metrics = Metrics(measure, zoneSizeInBytes: zoneSizeInBytes, cpuNanoseconds: most)
        return try Google_Protobuf_Any(metrics: metrics.message)
    }
}
