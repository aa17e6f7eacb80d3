public import ControlProtocol
import Geometry
import Glibc
import LinuxSystem
public import OCI
import SystemPackage

extension Placement {
    /// A VM to start.
    public struct MachineOrder: Sendable {
        public var key: FunctionKey
        public var image: StoredImage
        /// What the user named the image by.
        public var imageName: String
        public var store: ImageStore
        /// The process template that the VM's first container would be a copy of; nil: it starts plainly.
        public var process: ProcessTemplateRequest?
        /// Where it belongs on the host.
        public var place = HostPlace.own
        /// What of its first container's zone is plugged at once; nil: there is no container yet.
        public var firstZoneInBytes: UInt64?

        public init(
            key: FunctionKey, image: StoredImage, imageName: String, store: ImageStore,
            process: ProcessTemplateRequest? = nil, firstZoneInBytes: UInt64? = nil
        ) {
            self.key = key
            self.image = image
            self.imageName = imageName
            self.store = store
            self.process = process
            self.firstZoneInBytes = firstZoneInBytes
        }

        /// What its machine has of images: its own, where there is one yet, and places for those of further containers.
        func images(_ scope: TemplateScope = .image) -> [String?] {
            let further = key.isAlone ? 0 : DeviceTable.furtherImageCount
            return [scope == .image ? image.erofsPath : nil] + Array(repeating: nil, count: further)
        }

        /// The same VM without a process template.
        var plain: MachineOrder {
            var plain = self
            plain.process = nil
            return plain
        }
    }

    /// A VM that was started.
    struct StartedMachine {
        let directory: VirtualMachineDirectory
        /// The template that it is restored from.
        let template: TemplateKey?
        /// There is no template of just what was ordered.
        let lacksTemplate: Bool
        /// By `MonotonicClock`.
        let startedAt: UInt64
    }

    /// What a VM's process needs besides its base and zones, with room for the host to go on.
    private static var headroomInBytes: UInt64 { 64 << 20 }
    private static var largePage: UInt64 { 2 << 20 }

    /// A VM's directory before the VM is started. Other processes take the VM for alive, by its lock.
    struct ReservedMachine {
        let directory: VirtualMachineDirectory
        let lock: OwnedDescriptor
    }

    /// Makes a VM's directory. Only with the function locked.
    func reserve(in function: FunctionDirectory) throws(RuntimeError) -> ReservedMachine {
        let machine = function.virtualMachine(Registry.freshID())
        do {
            return try system { () throws(SystemError) in
                try FileSystem.makeDirectory(machine.path)
                let lock = try OwnedDescriptor(opening: machine.lockPath, flags: O_RDONLY | O_CREAT | O_EXCL)
                try lock.takeLock(.exclusive)
                return ReservedMachine(directory: machine, lock: lock)
            }
        } catch {
            try? machine.remove()
            throw error
        }
    }

    /// Starts a VM, from its template if there is one and it may be.
    ///
    /// - Parameter isPrewarmed: it is prewarmed, without a first container.
    func start(
        _ reserved: ReservedMachine, for order: MachineOrder, fromTemplate: Bool = true, isPrewarmed: Bool = false
    ) throws(RuntimeError) -> StartedMachine {
        let startedAt = MonotonicClock.nanoseconds
        let machine = reserved.directory
        do {
            let first = order.key.isAlone ? order.key.zoneSizeInBytes : order.firstZoneInBytes ?? 0
            try checkMemory(needed: first + Self.headroomInBytes)
            let lease = try lease(order)
            let record = record(for: order, id: machine.id)
            try RecordFile.write(record, to: machine.recordPath)
            var launch = try launch(of: reserved, record, order, lease)
            // When it is taken it listens.
            if isPrewarmed { try system { () throws(SystemError) in try FileSystem.touch(machine.prewarmedPath) } }
            launch.isPrewarmed = isPrewarmed
            try join(order.place, &launch, machine)
            let keys = configuration.usesTemplates && fromTemplate ? try templateKeys(order) : []
            let used = try use(keys, of: templates(order), for: &launch)
            try starter.start(launch)
            return StartedMachine(
                directory: machine, template: used, lacksTemplate: used == nil || used != keys.first,
                startedAt: startedAt)
        } catch {
            try? machine.remove()
            throw error
        }
    }

    /// Makes the VM's control group, where the host has any to give.
    private func join(
        _ place: HostPlace, _ launch: inout VirtualMachineLaunch, _ machine: VirtualMachineDirectory
    ) throws(RuntimeError) {
        launch.outOfMemoryScoreAdjustment = place.outOfMemoryScoreAdjustment
        let path = place.path(of: machine.id, usual: configuration.groupParent)
        guard let group = ControlGroup(path: path) else { return }
        // Noted before it is made: it is removed with the VM.
        try system { () throws(SystemError) in
            try FileSystem.replace(machine.groupPath, with: Array(path.utf8))
            try group.make(
                virtualCPUs: launch.record.virtualCPUs,
                memoryInBytes: launch.record.memoryInBytes + MachineArguments.overheadInBytes)
        }
        launch.group = group
        launch.memoryLimit = group.memoryLimit()
    }

    /// The first of these templates that there is.
    private func use(
        _ keys: [TemplateKey], of store: TemplateStore, for launch: inout VirtualMachineLaunch
    ) throws(RuntimeError) -> TemplateKey? {
        for key in keys {
            guard let template = try store.lease(key) else { continue }
            launch.template = (template.directory, template.identity)
            launch.leases.append(template.descriptor)
            return key
        }
        return nil
    }

    /// Keeps the image from being removed.
    func lease(_ order: MachineOrder) throws(RuntimeError) -> OwnedDescriptor {
        do { return try order.store.lease(order.image).descriptor } catch { throw .invalid(error.description) }
    }

    /// How a VM for the order is made.
    func record(for order: MachineOrder, id: String) -> VirtualMachineRecord {
        VirtualMachineRecord(
            id: id, memoryInBytes: baseMemory(for: order), virtualCPUs: configuration.virtualCPUs,
            zoneCount: order.key.isAlone ? 0 : configuration.zonesPerMachine,
            zoneSizeInBytes: order.key.zoneSizeInBytes,
            image: order.imageName, started: currentTimeInNanoseconds())
    }

    private func launch(
        of machine: ReservedMachine, _ record: VirtualMachineRecord, _ order: MachineOrder, _ lease: OwnedDescriptor
    ) throws(RuntimeError) -> VirtualMachineLaunch {
        let user = try UserLease(in: registry, from: configuration.firstUser)
        return try system { () throws(SystemError) in
            VirtualMachineLaunch(
                files: files, record: record, function: order.key.function, tenant: order.key.tenant,
                images: order.images(),
                idleTimeoutInSeconds: configuration.idleTimeoutInSeconds,
                prewarmTimeoutInSeconds: configuration.prewarmTimeoutInSeconds, isAlone: order.key.isAlone,
                kernelArguments: kernelArguments,
                control: try UnixSocket.listen(at: machine.directory.socketPath),
                lock: machine.lock,
                identity: try OwnedDescriptor(
                    opening: machine.directory.processPath, flags: O_WRONLY | O_CREAT | O_EXCL),
                console: try OwnedDescriptor(
                    opening: machine.directory.consolePath, flags: O_WRONLY | O_CREAT | O_APPEND),
                log: try OwnedDescriptor(opening: machine.directory.logPath, flags: O_WRONLY | O_CREAT | O_APPEND),
                jail: jail(user), leases: [lease, user.descriptor])
        }
    }

    /// The walls around a process of a user's.
    func jail(_ user: UserLease) -> MachineArguments.Jail {
        MachineArguments.Jail(
            user: user.number, isReduced: configuration.reducesJail, ownsCores: configuration.ownsCores)
    }

    /// The image's device needs a page descriptor of 64 bytes for each page of 4 KiB, in the base; so does the memory of
    /// a container without a zone.
    private func baseMemory(for order: MachineOrder) -> UInt64 {
        var memory = configuration.baseMemoryInBytes + ImageRoom(for: order.image).bytes
        if order.key.isAlone { memory += order.key.zoneSizeInBytes + order.key.zoneSizeInBytes / 64 }
        return (memory + Self.largePage - 1) / Self.largePage * Self.largePage
    }

    private func checkMemory(needed: UInt64) throws(RuntimeError) {
        guard let host = HostMemory.current(), host.available < needed else { return }
        throw .noMemory(
            "no VM has a free zone, and the host has no memory for another VM: \(ByteSize(bytes: needed)) needed, "
                + "\(ByteSize(bytes: host.available)) available")
    }
}
