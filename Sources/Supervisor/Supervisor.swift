import AgentProtocol
import ControlProtocol
public import FileShare
public import LinuxSystem
public import Machine
public import Virtio
public import Zones

/// Runs containers in a machine: answers the control socket, gives each container its zone, has the agent make it, and
/// takes the zone back when it has ended.
///
/// Everything happens on the event thread or with the device lock held; there are no other threads. What the agent
/// says is hostile: numbers that it names are looked up among what it was asked for.
public final class Supervisor {
    public struct Configuration {
        /// A listening unix socket; nil for a VM without clients.
        public var control: OwnedDescriptor?
        /// The VM powers off after so long without a container; nil: never.
        public var idleTimeoutInMilliseconds: UInt64?
        /// The VM was started ahead of demand; nil for one that somebody waits for.
        public var waiting: Waiting?
        /// The VM takes one container and ends with it.
        public var isAlone: Bool
        public var virtualCPUs: Int
        public var purpose: Purpose
        /// When the VM began to come into being (`MonotonicClock`).
        public var startedAt: UInt64
        /// What the machine's file system shows the volumes of.
        public var files: FileServer
        /// Does what may wait for a disk.
        public var fileThreads: WorkerThreads

        public init(
            control: OwnedDescriptor?, idleTimeoutInMilliseconds: UInt64?, waiting: Waiting? = nil,
            isAlone: Bool = false,
            virtualCPUs: Int, purpose: Purpose = .containers, startedAt: UInt64 = MonotonicClock.nanoseconds,
            files: FileServer, fileThreads: WorkerThreads
        ) {
            self.control = control
            self.idleTimeoutInMilliseconds = idleTimeoutInMilliseconds
            self.waiting = waiting
            self.isAlone = isAlone
            self.virtualCPUs = virtualCPUs
            self.purpose = purpose
            self.startedAt = startedAt
            self.files = files
            self.fileThreads = fileThreads
        }
    }

    /// What a machine is for.
    public enum Purpose {
        case containers
        /// It stops once its guest is ready and at rest, to be saved as a template.
        case template
        /// It goes on from a template and stops as soon as its guest is ready: what it has written by then, others write.
        case rehearsal
    }

    /// How long the agent may take to end a container, or wait for its zone, before the zone is given up, in
    /// milliseconds: generous, as many may come and go at once on a slow host.
    static let agentPatience: UInt32 = 60_000
    static let powerOffPatience: UInt64 = 3_000

    let machine: Machine
    let configuration: Configuration
    let loop: EventLoop
    private(set) var agent: AgentSession?
    let zones: [ZoneKeeper]
    var containers: [String: Container] = [:]
    var connections: [ControlConnection] = []
    var state = VirtualMachineDescription.State.booting
    /// When the agent was set up.
    var readyAt: UInt64 = 0
    /// The guest has come as far as the machine's purpose wants it, and the machine stops for that.
    public internal(set) var isSettled = false
    /// What waits for the agent's being ready.
    var deferred: [() -> Void] = []
    private(set) var nextContainer: UInt32 = 1
    private var nextStreamPort: UInt32 = 0x1_0000
    private let idleTimer: TimerDescriptor

    /// Joins a machine that does not run yet. With the device lock held.
    public init(_ machine: Machine, _ configuration: Configuration) throws {
        self.machine = machine
        self.configuration = configuration
        loop = machine.loop
        idleTimer = try TimerDescriptor()
        zones = machine.zoneDevices.map { ZoneKeeper($0) }
        for device in machine.zoneDevices { device.observer = self }
        agent = AgentSession(vsock: machine.vsock, loop: loop, listener: self)
        try listen()
        try loop.add(idleTimer.descriptor, for: .readable) { [self] _ in
            if idleTimer.drain() { timeIsUp() }
        }
        noteIdleness()
    }

    private func listen() throws {
        guard let control = configuration.control else { return }
        try control.setNonBlocking()
        try loop.add(control, for: .readable) { [self] _ in
            while let socket = control.accept() {
                let connection = try? ControlConnection(socket, on: loop) {
                    [unowned self] connection, request, content in
                    handle(content, Waiter(connection: connection, request: request))
                } onClose: { [unowned self] connection in
                    lose(connection)
                }
                if let connection { connections.append(connection) }
            }
        }
    }

    func nextContainerNumber() -> ContainerNumber {
        defer { nextContainer += 1 }
        return ContainerNumber(nextContainer)
    }

    /// A host port for one stream of one process.
    func nextPort() -> UInt32 {
        defer { nextStreamPort = nextStreamPort == 0x3fff_ffff ? 0x1_0000 : nextStreamPort + 1 }
        return nextStreamPort
    }

    func container(_ number: ContainerNumber) -> Container? { containers.values.first { $0.number == number } }

    // MARK: Idleness and end

    /// Starts or stops the clock that ends a VM without containers.
    func noteIdleness() {
        guard state != .stopping else { return }
        if isWaiting, let waiting = configuration.waiting { return idleTimer.arm(inMilliseconds: waiting.interval) }
        idleTimer.arm(inMilliseconds: containers.isEmpty ? configuration.idleTimeoutInMilliseconds ?? 0 : 0)
    }

    private func timeIsUp() {
        if state == .stopping { return machine.stop() }
        guard containers.isEmpty else { return }
        if isWaiting, let waiting = configuration.waiting, !waiting.isOver { return noteIdleness() }
        powerOff()
    }

    /// Ends the VM: by the agent where it answers, by force where it does not.
    func powerOff() {
        guard state != .stopping else { return }
        let wasReady = state == .ready
        state = .stopping
        guard wasReady, let agent else { return machine.stop() }
        idleTimer.arm(inMilliseconds: Self.powerOffPatience)
        agent.request(PowerOff()) { _ in }
    }

    /// The machine has ended: everybody who waits is told, and no container stays without an exit record.
    public func conclude(_ end: MachineEnd) {
        state = .stopping
        for container in containers.values {
            container.end(record(of: container, code: 255, reason: "its VM ended: \(end)"))
            for waiter in container.removalWaiters { waiter.reply(.done) }
        }
        containers = [:]
        for connection in connections { connection.close() }
    }

    func record(of container: Container, code: UInt8, outOfMemory: Bool = false, reason: String = "") -> ExitRecord {
        ExitRecord(
            container: container.id, process: 0, code: code, outOfMemory: outOfMemory, time: WallClock.nanoseconds,
            reason: reason)
    }

    /// A client has gone: what shall not outlive it ends.
    private func lose(_ connection: ControlConnection) {
        connections.removeAll { $0 === connection }
        for container in Array(connection.volumes.keys) { dropVolumes(for: container, connection) }
        for container in Array(containers.values)
        where container.endsWithConnection && container.starter.connection === connection && container.exit == nil {
            container.end(record(of: container, code: 137, reason: "its client went away"))
            remove(container)
        }
    }
}

extension Supervisor: ZoneMemoryObserver {
    public func zone(_ zone: Zone, pluggedSizeIs sizeInBytes: UInt64) { zones[zone.index].recordPlugged(sizeInBytes) }

    public func zone(_ zone: Zone, failed error: any Error) { zones[zone.index].quarantine(.hostFailure) }
}
