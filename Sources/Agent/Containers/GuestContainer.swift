/// A container, from the request to make it until it is deleted.
final class GuestContainer {
    let number: ContainerNumber
    /// Its zone's NUMA node; 0 without a zone.
    let node: UInt32
    let group: ControlGroup
    var life = GuestContainerLife()
    var processes: [ContainerProcess] = []
    /// Whether it is the agent's own pause, without files.
    let isPause: Bool
    /// Kills for lack of memory that the host knows of.
    var oomKills: UInt64 = 0
    /// Whether the last of them was for what it had of base memory.
    var isOutOfBaseMemory = false
    /// Streams to the host that have not come to their end.
    var outputs: [Pump] = []
    /// Connections of its loopback's ports to the host, and ports that wait for some.
    var relays: [ConnectionRelay] = []
    var ports: [RelayedPort] = []

    /// How its zone grows; nil: it does not.
    var elastic: ElasticMemory?

    /// Of a template: what it has written, as a mount that is attached nowhere.
    var writableLayer: Descriptor?

    /// Whether its first process is to be a template.
    let isTemplate: Bool
    /// Of its user namespace, where it has one.
    let userMappings: UserMappings

    init(
        number: ContainerNumber, node: UInt32, group: ControlGroup, isPause: Bool, isTemplate: Bool,
        userMappings: UserMappings
    ) {
        self.isTemplate = isTemplate
        self.userMappings = userMappings
        self.number = number
        self.node = node
        self.group = group
        self.isPause = isPause
    }

    subscript(process: ProcessNumber) -> ContainerProcess? { processes.first { $0.number == process } }

    /// The first process while it lives.
    var initial: ContainerProcess? { self[.initial] }

    func process(_ number: ProcessNumber) throws(Failure) -> ContainerProcess {
        guard let process = self[number] else {
            let text = "find \(number.description) of \(self.number.description)"
            throw Failure(code: ErrorNumber.noProcess, step: .request, text: text)
        }
        return process
    }

    /// Closes its connections to the host, and its ports for them.
    func cutRelays() {
        for port in ports { port.close() }
        for relay in relays { relay.finish() }
        (ports, relays) = ([], [])
    }

    /// Closes its streams at once.
    func cutOutputs() {
        for pump in outputs { pump.finish() }
        outputs = []
    }
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
    /// Monotonic time at which it executed its program, in nanoseconds.
    var executedAt: UInt64 = 0
    /// Whether the host has asked for it to stop.
    var isToStop = false

    init(number: ProcessNumber, id: Int32, descriptor: Descriptor) {
        self.number = number
        self.id = id
        self.descriptor = descriptor
    }
}
