/// A container, from the request to make it until it is deleted.
final class Container {
    let number: ContainerNumber
    let node: UInt32
    let group: ControlGroup
    var phase = ContainerState.Phase.created
    var processes: [ContainerProcess] = []
    /// The first process's, when it has ended.
    var exit: ExitStatus?
    /// Whether it is the agent's own pause, without files.
    let isPause: Bool
    /// Kills for lack of memory that were told of.
    var oomKills: UInt64 = 0
    /// Streams to the host that have not come to their end.
    var outputs: [Pump] = []
    /// The request that deletes it.
    var deletion: Deletion?
    /// Who waits for it to be frozen.
    var freezing: (caller: Caller, stopwatch: Stopwatch)?

    init(number: ContainerNumber, node: UInt32, group: ControlGroup, isPause: Bool) {
        self.number = number
        self.node = node
        self.group = group
        self.isPause = isPause
    }

    subscript(process: ProcessNumber) -> ContainerProcess? { processes.first { $0.number == process } }

    /// The first process while it lives.
    var initial: ContainerProcess? { self[.initial] }
}

/// A process that the host asked for, while it lives.
final class ContainerProcess {
    let number: ProcessNumber
    /// In the agent's process namespace.
    let id: Int32
    let descriptor: Descriptor
    /// nil once it executes its program.
    var launch: Launch?
    var terminal: Descriptor?
    var input: Pump?

    init(number: ProcessNumber, id: Int32, descriptor: Descriptor) {
        self.number = number
        self.id = id
        self.descriptor = descriptor
    }
}

/// The end of a container, under way: begun by the end of its first process, or by the host's request to delete it.
final class Deletion {
    /// The host's request, once it is here.
    var caller: Caller?
    /// Whether its zone goes offline. A container that ended by itself leaves it for good.
    let offlineZone: Bool
    /// Monotonic time by which it is to be done, in nanoseconds.
    let end: UInt64
    var stopwatch = Stopwatch()
    var deadline: EventLoop.Deadline?
    var isReaped = false
    var isRemoved = false
    /// What the host is told, once all is done.
    var result: Result<ZoneOffline?, Failure>?

    /// - Parameter timeout: in milliseconds.
    init(offlineZone: Bool, timeout: UInt32) {
        self.offlineZone = offlineZone
        end = Kernel.monotonicTime + UInt64(timeout) * 1_000_000
    }
}
