import OCI
import Runtime

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
    enum Phase {
        case created
        /// Its start has been asked for and is not answered yet.
        case starting
        case running
        case stopped
    }

    /// Empty for the first.
    let execID: String
    let io: StandardIO
    /// What an executed one is.
    let spec: RuntimeSpec.Process?
    var phase = Phase.created
    /// In the VM: 0 is the container's first process. Known once it runs.
    var number: UInt32 = 0
    var streams: OpenStreams?
    /// On which it was begun.
    var connection: MachineConnection?
    private(set) var exit: ProcessExit?
    /// An end that came before the start was answered: it is told after that.
    var earlyEnd: ProcessExit?
    private var waiters: [UInt64: CheckedContinuation<ProcessExit?, Never>] = [:]
    private var nextWaiter: UInt64 = 0

    init(execID: String, io: StandardIO, spec: RuntimeSpec.Process? = nil) {
        self.execID = execID
        self.io = io
        self.spec = spec
    }

    func nextWaiterNumber() -> UInt64 {
        nextWaiter += 1
        return nextWaiter
    }

    func add(_ waiter: CheckedContinuation<ProcessExit?, Never>, number: UInt64) {
        if let exit { waiter.resume(returning: exit) } else { waiters[number] = waiter }
    }

    /// A waiter that waits no longer.
    func dismiss(_ number: UInt64) { waiters.removeValue(forKey: number)?.resume(returning: nil) }

    /// Notes its end, once.
    func end(_ exit: ProcessExit) {
        guard self.exit == nil else { return }
        self.exit = exit
        phase = .stopped
        for waiter in waiters.values { waiter.resume(returning: exit) }
        waiters = [:]
    }
}
