public import AgentProtocol
import ControlProtocol
import Glibc
import LinuxSystem
public import OCI
import SystemPackage

/// Finds a VM with a free zone for a container, or starts one.
public struct Placement: Sendable {
    let registry: Registry
    let configuration: Configuration
    let files: VirtualMachineFiles
    let starter: any VirtualMachineStarter
    let provider: any Provider

    public init(
        registry: Registry, configuration: Configuration, files: VirtualMachineFiles,
        starter: any VirtualMachineStarter = MonitorStarter(), provider: (any Provider)? = nil
    ) {
        self.registry = registry
        self.configuration = configuration
        self.files = files
        self.starter = starter
        self.provider = provider ?? CommandProvider(root: registry.root.string)
    }

    /// What is added to the command line of every VM's kernel. The operator's words come last, and so win.
    var kernelArguments: String {
        [AddressRandomization.kernelArgument(), configuration.kernelArguments].filter { !$0.isEmpty }
            .joined(separator: " ")
    }

    /// A container to place.
    public struct Order: Sendable {
        public var key: FunctionKey
        public var record: ContainerRecord
        public var specification: ContainerSpecification
        public var streams: StreamEnds.Far
        /// The VM's.
        public var image: StoredImage
        public var store: ImageStore
        /// Its interfaces, besides the loopback. Whoever gives them detaches them when the container has ended; what is
        /// left to do when the container is removed is done then.
        public var network: PodNetwork?
        /// What the specification's bind mounts name.
        public var volumes: VolumeSet
        /// How it is to begin.
        public var beginning = Beginning.run
        /// What of its zone is plugged; the rest can be plugged later. By default the whole zone.
        public var zoneSizeInBytes: UInt64
        /// The only VM that may take it; nil: any.
        public var pinned: VirtualMachineFolder?

        public init(
            key: FunctionKey, record: ContainerRecord, specification: ContainerSpecification, streams: StreamEnds.Far,
            image: StoredImage, store: ImageStore, volumes: VolumeSet = .none
        ) {
            self.key = key
            self.record = record
            self.specification = specification
            self.streams = streams
            self.image = image
            self.store = store
            self.volumes = volumes
            zoneSizeInBytes = key.isAlone ? 0 : key.zoneSizeInBytes
        }

        /// The VM that it needs.
        public var machine: MachineOrder {
            // A pinned container may have another image than its VM.
            MachineOrder(key: key, image: image, imageName: pinned == nil ? record.image : image.name, store: store)
        }
    }

    public enum Beginning: Equatable, Sendable {
        /// Its program runs at once; detached, what it prints is logged.
        case run
        /// It is made only, its program waits; in the namespaces of this sandbox where one is named.
        case create(sandbox: String)
    }

    /// A container that a VM has taken.
    public struct Placed {
        public let container: ContainerFolder
        public let machine: VirtualMachineFolder
        public let connection: ControlConnection
        /// The number that the VM's further answers bear.
        public let request: UInt32
        /// 0: none.
        public let zone: UInt32
    }

    /// How many VMs are started for one container, each of which others fill before it comes to it.
    private static let lostAtMost = 8

    /// Enters the container and has a VM take it. On failure nothing of it is left.
    public func place(_ order: Order) throws(RuntimeError) -> Placed {
        let function = registry.function(order.key)
        var candidates =
            if let machine = order.pinned { [machine] } else { try candidates(in: function, for: order.key) }
        // Read without the lock, they may be there and not listen yet.
        var maySoonListen = order.pinned == nil
        var tried: Set<String> = []
        var lost = 0
        var order = order
        order.record.virtualMachine = candidates.first?.id
        var entry = try Entry(order, in: registry)
        do throws(RuntimeError) {
            while true {
                for machine in candidates where tried.insert(machine.id).inserted {
                    let wasPrewarmed = try machine.takePrewarmed()
                    // One that takes a single container belongs to whoever has got it.
                    if order.key.isAlone && !wasPrewarmed { continue }
                    switch try offer(&entry, to: machine, isFresh: false) {
                    case .silent where maySoonListen: tried.remove(machine.id)
                    case .silent, .full: continue
                    case .placed(let placed):
                        provide(for: order.machine, behind: machine, lacksTemplate: false, usedOne: wasPrewarmed)
                        return placed
                    }
                }
                maySoonListen = false
                if let machine = order.pinned {
                    throw .refused(
                        Refusal(
                            .full,
                            "the VM \(machine.id) has no free zone of \(ByteSize(bytes: order.zoneSizeInBytes)) for \(order.record.id)"
                        ))
                }
                switch try nextMachine(of: function, notIn: tried, for: order) {
                case nil, .reserved: continue
                case .untried(let machines): candidates = machines
                case .fresh(let machine):
                    tried.insert(machine.folder.id)
                    if let placed = try offer(&entry, to: machine, for: order, in: function) { return placed }
                    candidates = []
                    lost += 1
                    guard lost < Self.lostAtMost else {
                        throw .refused(
                            Refusal(.full, "others took every zone of the \(lost) VMs started for \(order.record.id)"))
                    }
                }
            }
        } catch {
            try? entry.folder.remove()
            throw error
        }
    }

    /// VMs that may have room.
    private func candidates(in function: FunctionFolder, for key: FunctionKey) throws(RuntimeError)
        -> [VirtualMachineFolder]
    {
        key.isAlone ? try function.prewarmedMachines() : try function.virtualMachines()
    }

    /// Has a VM that was just started take the container. One whose template is no good is replaced by one that boots.
    private func offer(
        _ entry: inout Entry, to machine: StartedMachine, for order: Order, in function: FunctionFolder
    ) throws(RuntimeError) -> Placed? {
        var machine = machine
        while true {
            do {
                guard case .placed(let placed) = try offer(&entry, to: machine.folder, isFresh: true) else {
                    return nil
                }
                provide(
                    for: order.machine, behind: machine.folder, lacksTemplate: machine.template == nil, usedOne: true)
                return placed
            } catch {
                guard let template = machine.template, case .virtualMachineEnded(_, let words) = error else {
                    throw error
                }
                Log.tell(.warning, "booting a VM, as its template is no good: \(words.isEmpty ? "\(error)" : words)")
                try templates(order.machine).discard(template)
            }
            let booted = try function.locked(making: order.key) { () throws(RuntimeError) in
                try start(reserve(in: function), for: order.machine, fromTemplate: false)
            }
            guard let booted else { return nil }
            machine = booted
        }
    }

    /// A container that is in the registry, and what goes to the VM with it.
    private struct Entry {
        let folder: ContainerFolder
        var record: ContainerRecord
        let request: ControlRequest
        let descriptors: [OwnedDescriptor]
        let volumes: VolumeSet

        init(_ order: Order, in registry: Registry) throws(RuntimeError) {
            let (folder, exit) = try registry.enter(order.record)
            self.folder = folder
            record = order.record
            volumes = order.volumes
            var descriptors = order.streams.descriptors
            var passed = order.streams.passed
            if record.isDetached, order.beginning == .run {
                descriptors.append(
                    try system { () throws(SystemError) in
                        try OwnedDescriptor(opening: folder.logPath, flags: O_WRONLY | O_CREAT | O_APPEND)
                    })
                passed.insert(.log)
            }
            descriptors.append(exit)
            passed.insert(.exitRecord)
            var specification = order.specification
            if let network = order.network {
                try folder.noteNetwork(network.note)
                specification.interfaces = network.interfaces
                descriptors += network.takeTaps()
            }
            self.descriptors = descriptors
            let run = RunRequest(
                id: record.id, zoneSizeInBytes: order.zoneSizeInBytes, descriptors: passed,
                endsWithConnection: !record.isDetached,
                create: CreateContainer(
                    container: ContainerNumber(0), node: 0, zoneBytes: 0, start: true, specification: specification))
            if case .create(let sandbox) = order.beginning {
                request = .create(CreateRequest(run: run, sandbox: sandbox))
            } else {
                request = .run(run)
            }
        }
    }

    private enum Answer {
        case placed(Placed)
        /// It cannot take the container, but another may.
        case full
        /// Nobody listens, or not any more.
        case silent
    }

    /// Asks a VM to take the container. One that was just started has to answer: it is never silent.
    private func offer(
        _ entry: inout Entry, to machine: VirtualMachineFolder, isFresh: Bool
    ) throws(RuntimeError) -> Answer {
        guard let connection = try machine.connect() else {
            if isFresh { throw .virtualMachineEnded(id: machine.id, lastWords: machine.lastWords()) }
            return .silent
        }
        if entry.record.virtualMachine != machine.id {
            entry.record.virtualMachine = machine.id
            try entry.folder.update(entry.record)
        }
        let number: UInt32
        let answer: ControlReply?
        do {
            try connection.attach(entry.volumes, to: entry.record.id)
            number = try connection.send(entry.request, descriptors: entry.descriptors)
            answer = try connection.receive()?.content
        } catch {
            // A VM that has just powered itself off.
            guard case .system(let failure) = error, failure.isEndOfPeer else { throw error }
            if isFresh { throw .virtualMachineEnded(id: machine.id, lastWords: machine.lastWords()) }
            return .full
        }
        switch answer {
        case .accepted(_, let zone):
            return .placed(
                Placed(container: entry.folder, machine: machine, connection: connection, request: number, zone: zone))
        // Others may have filled one that was just started before whoever started it came to it.
        case .refused(let refusal) where refusal.reason == .full: return .full
        case .refused(let refusal) where refusal.reason == .wrongState && !isFresh: return .full
        case .refused(let refusal): throw .refused(refusal)
        case nil where !isFresh: return .full
        case nil: throw .virtualMachineEnded(id: machine.id, lastWords: machine.lastWords())
        default: throw .conversation("the VM \(machine.id) answered something else than whether it takes the container")
        }
    }

    private enum Next {
        /// Others have started some meanwhile.
        case untried([VirtualMachineFolder])
        case fresh(StartedMachine)
        case reserved(ReservedMachine)
    }

    /// What to try when every VM has been.
    private func nextMachine(
        of function: FunctionFolder, notIn tried: Set<String>, for order: Order
    ) throws(RuntimeError) -> Next? {
        let next = try function.locked(making: order.key) { () throws(RuntimeError) -> Next in
            try registry.removeDead(of: function)
            let untried = try candidates(in: function, for: order.key).filter { !tried.contains($0.id) }
            guard untried.isEmpty else { return .untried(untried) }
            let reserved = try reserve(in: function)
            // Others, who wait for the lock, may share this one, if it listens when they come.
            return order.key.isAlone ? .reserved(reserved) : .fresh(try start(reserved, for: order.machine))
        }
        guard case .reserved(let reserved) = next else { return next }
        return .fresh(try start(reserved, for: order.machine))
    }
}

extension SystemError {
    /// Whether a socket's peer has gone.
    var isEndOfPeer: Bool { [.brokenPipe, .connectionReset, .connectionRefused].contains(errno) }
}
