public import AgentProtocol
public import ControlProtocol
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
    let timeouts: ControlTimeouts

    public init(
        registry: Registry, configuration: Configuration, files: VirtualMachineFiles,
        starter: any VirtualMachineStarter = MonitorStarter(), provider: (any Provider)? = nil,
        timeouts: ControlTimeouts = .standard
    ) {
        self.registry = registry
        self.configuration = configuration
        self.files = files
        self.starter = starter
        self.timeouts = timeouts
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
        /// Its interfaces, besides the loopback. The caller detaches them when the container has ended; what is
        /// left to do when the container is removed is done then.
        public var network: PodNetwork?
        /// What the specification's bind mounts name.
        public var volumes: VolumeSet
        /// How it is to begin.
        public var beginning = Beginning.run
        /// It may begin as a copy of its function's process template; nil: its program is executed.
        public var warmStart: WarmStart?
        /// What is kept of what it prints, where it is detached.
        public var logOptions = LogOptions()
        /// Where a VM that is started for it belongs on the host.
        public var place = HostPlace.own
        /// What of its zone is plugged; the rest can be plugged later. By default the whole zone.
        public var zoneSizeInBytes: UInt64
        /// What its zone grows to by itself with what it uses; 0: it does not.
        public var maxZoneSizeInBytes: UInt64 = 0
        /// The VM says on the container's connection what its zone has each time that it grows or shrinks.
        public var wantsZoneSizes = false
        /// When there was all that is to be placed, by `MonotonicClock`.
        let beganAt = MonotonicClock.nanoseconds
        /// The only VM that may take it; nil: any.
        public var pinned: VirtualMachineDirectory?

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

        /// A container as it was planned. One that has the fabric is made only: that is there before its program runs.
        public init(_ plan: RunPlan, streams: StreamEnds.Far, store: ImageStore) {
            self.init(
                key: plan.key, record: plan.record, specification: plan.specification, streams: streams,
                image: plan.image, store: store, volumes: plan.volumes)
            warmStart = plan.warmStart
            logOptions = plan.logOptions
            if plan.fabric != nil { beginning = .create(sandbox: "") }
            guard !plan.key.isAlone else { return }
            zoneSizeInBytes = plan.zoneSizeInBytes
            maxZoneSizeInBytes = plan.maxZoneSizeInBytes
        }

        /// The VM that it needs.
        public var machine: MachineOrder {
            // A pinned container may have another image than its VM.
            var order = MachineOrder(
                key: key, image: image, imageName: pinned == nil ? record.image : image.name, store: store,
                process: process, firstZoneInBytes: zoneSizeInBytes)
            order.place = place
            return order
        }

        /// The process template that it would be a copy of; nil: it starts plainly whatever there is.
        private var process: ProcessTemplateRequest? {
            guard let warmStart, !key.isAlone, zoneSizeInBytes > 0 else { return nil }
            let request = ProcessTemplateRequest(specification, warmStart)
            return (try? request.identity) == nil ? nil : request
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
        public let container: ContainerDirectory
        public let machine: VirtualMachineDirectory
        public let connection: ControlConnection
        /// The number that the VM's further answers bear.
        public let request: UInt32
        /// 0: none.
        public let zone: UInt32
        /// When what of the placing was.
        public let moments: StartTimings.Moments
    }

    /// Enters the container and has a VM take it. On failure nothing of it is left.
    ///
    /// Waits for locks (`ControlTimeouts.lock`) and for each VM that it is offered to (`ControlTimeouts.offer`, `.start`);
    /// `PlacementAttempt` is the same for callers who wait for VMs without a thread.
    public func place(_ order: Order) throws(RuntimeError) -> Placed {
        let attempt = try PlacementAttempt(order, by: self)
        var step = try attempt.begin()
        while true {
            switch step {
            case .placed(let placed): return placed
            case .wait(let socket, let deadline):
                let hasAnswered = try system { () throws(SystemError) in try socket.isReadable(by: deadline) }
                step = try attempt.goOn(hasAnswered: hasAnswered)
            }
        }
    }

    /// VMs that may have room.
    func candidates(
        in function: FunctionDirectory, for key: FunctionKey
    ) throws(RuntimeError) -> [VirtualMachineDirectory] {
        key.isAlone ? try function.prewarmedMachines() : try function.virtualMachines()
    }

    enum Next {
        /// Others have started some meanwhile.
        case untried([VirtualMachineDirectory])
        case fresh(StartedMachine)
        case reserved(ReservedMachine)
    }

    /// What to try when every VM has been.
    func nextMachine(
        of function: FunctionDirectory, notIn tried: Set<String>, for order: Order
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

extension Placement.Placed {
    /// Waits until the VM has made a container that is not to run yet, within the limits of its connection.
    /// - Throws: `.refused` where it has not.
    public func awaitCreation() throws(RuntimeError) {
        while let frame = try connection.receive() {
            guard frame.request == request else { continue }
            switch frame.content {
            case .done: return
            case .refused(let refusal): throw .refused(refusal)
            case .exited(let record): throw .refused(Refusal(.failed, record.reason))
            default: continue
            }
        }
        throw .virtualMachineEnded(id: machine.id, lastWords: machine.lastWords())
    }
}
