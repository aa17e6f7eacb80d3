import AgentProtocol
import LinuxSystem
import ContainerdAPI
import ControlProtocol
import Glibc
import OCI
import Runtime
import SwiftProtobuf
import TTRPC

/// What containerd asks of a container that is there. Each request to its VM has `ControlTimeouts.answer`.
extension ContainerTask {
    func addExec(_ request: Containerd_Task_V2_ExecProcessRequest) throws {
        guard executed[request.execID] == nil else {
            throw Status(.alreadyExists, "there is a process \(quoted(request.execID)) in the container \(id) already")
        }
        try demandRunning("run another process in")
        var spec = try RuntimeSpec.Process(json: Array(request.spec.value))
        spec.terminal = request.terminal
        spec.apparmorProfile = nil
        spec.selinuxLabel = nil
        let io = StandardIO(
            input: request.stdin, output: request.stdout, error: request.stderr, hasTerminal: request.terminal)
        executed[request.execID] = TaskProcess(execID: request.execID, io: io, spec: spec)
        events.addedExec(request.execID)
    }

    /// What is to be done needs a container that runs.
    private func demandRunning(_ deed: String) throws {
        guard initial.isRunning else {
            throw Status(.failedPrecondition, "cannot \(deed) the container \(id): it is \(initial.state.word)")
        }
    }

    func kill(_ execID: String, signal: UInt32, all: Bool) async throws {
        let process = try process(execID)
        guard !process.hasEnded else { throw Status(.notFound, "\(name(process)) has ended already") }
        guard signal <= 64 else { throw Status(.invalidArgument, "there is no signal \(signal)") }
        let request = ControlRequest.signal(container: registryID, process: process.number, signal: signal, all: all)
        do { try await connection(of: process).ask(request) } catch {
            // Between the end in the guest and our hearing of it.
            if process.hasEnded { throw Status(.notFound, "\(name(process)) has ended already") }
            if case RuntimeError.refused(let refusal) = error, refusal.code == ESRCH {
                throw Status(.notFound, "\(name(process)) has ended already")
            }
            // A VM that answers nothing ends nothing in it: so it is ended itself.
            if signal == SIGKILL, execID.isEmpty, case RuntimeError.silent = error, let machine = home?.machine {
                return try await hosting.work.runApart { try machine.kill() }
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
        guard case .processes(let ids) = try await connection(of: initial).ask(.processes(container: registryID)) else {
            throw Status(.internalError, "the VM answered something else than the container's processes")
        }
        // As the guest reports them: 0 stands for no process, and Linux has none above PID_MAX_LIMIT.
        return ids.filter { (1...Limits.processID).contains(Int($0)) }
    }

    func setPaused(_ paused: Bool) async throws {
        if paused {
            try demandRunning("pause")
        } else if !initial.isPaused {
            throw Status(
                .failedPrecondition, "cannot resume the container \(id): it is \(initial.state.word), not paused")
        }
        try await connection(of: initial).ask(.pause(container: registryID, paused: paused))
        initial.setPaused(paused)
        events.paused(paused)
    }
}
