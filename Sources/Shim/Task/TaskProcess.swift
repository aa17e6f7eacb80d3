import ContainerdAPI
import OCI
import Runtime
import TTRPC

/// How a process ended.
struct ProcessExit: Equatable, Sendable {
    var code: UInt32
    /// Nanoseconds since 1970 UTC.
    var time: UInt64

    init(code: UInt32, time: UInt64 = currentTimeInNanoseconds()) {
        self.code = code
        self.time = time
    }
}

/// A process of a task: its first, or one that was executed in it. Belongs to its task's actor.
final class TaskProcess {
    /// | from | by | to |
    /// |---|---|---|
    /// | created | `beginStart` | starting |
    /// | starting | `finishStart` | running; created, or stopped where it had ended meanwhile, when the start failed |
    /// | running | `setPaused` | paused, and back |
    /// | created, running, paused | `beginEnd` | ending |
    /// | any but stopped | `end` | stopped |
    enum State {
        case created
        /// Its start has been asked for and is not answered yet. An end that comes first is reported after that.
        case starting(earlyEnd: ProcessExit?)
        case running
        case paused
        /// It has ended; what it printed is still on its way.
        case ending(ProcessExit)
        case stopped(ProcessExit)

        /// For messages.
        var word: String {
            switch self {
            case .created: "created"
            case .starting: "starting"
            case .running: "running"
            case .paused: "paused"
            case .ending, .stopped: "stopped"
            }
        }

        var status: Containerd_V1_Types_Status {
            switch self {
            case .created, .starting: .created
            case .running, .ending: .running
            case .paused: .paused
            case .stopped: .stopped
            }
        }
    }

    /// Empty for the first.
    let execID: String
    let io: StandardIO
    /// What an executed one is.
    let spec: RuntimeSpec.Process?
    private(set) var state = State.created
    /// In the VM: 0 is the container's first process. Known once it runs.
    var number: UInt32 = 0
    var streams: OpenStreams?
    /// On which it was begun.
    var connection: MachineConnection?
    private var waiters: [UInt64: CheckedContinuation<ProcessExit?, Never>] = [:]
    private var nextWaiter: UInt64 = 0

    init(execID: String, io: StandardIO, spec: RuntimeSpec.Process? = nil) {
        self.execID = execID
        self.io = io
        self.spec = spec
    }

    var exit: ProcessExit? { if case .stopped(let exit) = state { exit } else { nil } }

    /// Whether it has ended in its VM.
    var hasEnded: Bool {
        switch state {
        case .ending, .stopped: true
        default: false
        }
    }

    var isRunning: Bool { if case .running = state { true } else { false } }
    var isPaused: Bool { if case .paused = state { true } else { false } }
    var isCreated: Bool { if case .created = state { true } else { false } }

    // MARK: transitions

    /// - Throws: `failedPrecondition` naming the process where it cannot be started.
    func beginStart(of name: String) throws {
        guard isCreated else {
            throw Status(.failedPrecondition, "\(name) cannot be started: it is \(state.word)")
        }
        state = .starting(earlyEnd: nil)
    }

    /// - Returns: an end that came before, which is to be reported now; none where the start has failed.
    func finishStart(hasFailed: Bool) -> ProcessExit? {
        guard case .starting(let earlyEnd) = state else { return nil }
        state = hasFailed ? .created : .running
        guard hasFailed, let earlyEnd else { return earlyEnd }
        // What could not be started has ended too, where the VM says so.
        end(earlyEnd)
        return nil
    }

    func setPaused(_ paused: Bool) {
        guard isRunning || isPaused else { return }
        state = paused ? .paused : .running
    }

    /// Notes an end in the VM; whether it is to be reported now.
    func beginEnd(_ exit: ProcessExit) -> Bool {
        switch state {
        case .starting:
            state = .starting(earlyEnd: exit)
            return false
        case .ending, .stopped: return false
        case .created, .running, .paused:
            state = .ending(exit)
            return true
        }
    }

    /// Reports the end, once, to everybody who waits.
    func end(_ exit: ProcessExit) {
        guard self.exit == nil else { return }
        state = .stopped(exit)
        for waiter in waiters.values { waiter.resume(returning: exit) }
        waiters = [:]
    }

    // MARK: waiters

    func nextWaiterNumber() -> UInt64 {
        nextWaiter += 1
        return nextWaiter
    }

    func add(_ waiter: CheckedContinuation<ProcessExit?, Never>, number: UInt64) {
        if let exit { waiter.resume(returning: exit) } else { waiters[number] = waiter }
    }

    /// A waiter that waits no longer.
    func dismiss(_ number: UInt64) { waiters.removeValue(forKey: number)?.resume(returning: nil) }
}

extension TaskProcess {
    /// What containerd receives of it.
    func response(id: String, bundle: String, processID: UInt32) -> Containerd_Task_V2_StateResponse {
        var response = Containerd_Task_V2_StateResponse()
        response.id = id
        response.execID = execID
        response.bundle = bundle
        response.pid = processID
        response.status = state.status
        response.stdin = io.input
        response.stdout = io.output
        response.stderr = io.error
        response.terminal = io.hasTerminal
        if let exit {
            response.exitStatus = exit.code
            response.exitedAt = .init(nanoseconds: exit.time)
        }
        return response
    }
}
