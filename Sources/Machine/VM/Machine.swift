import Geometry
public import Hypervisor
public import LinuxSystem
public import Memory
public import Virtio

/// A virtual machine: its memory, processors and devices, from its making to its end.
///
/// Threads: each vCPU has one, the network device has one, and the caller of `run` is the event thread, which waits for
/// all other host events. Lock order: there is one lock, `lock`; it protects guest memory's map, the buses, every device
/// and the event loops' registrations. A vCPU thread takes it for each exit, the event thread and the network thread for
/// each round of handlers; the latter gives it back for each frame's way (`NetworkDevice.move`).
public final class Machine: @unchecked Sendable {
    /// The device lock. Immutable.
    public let lock = Lock()
    /// Its handlers run with the device lock held. Immutable.
    public let loop: EventLoop
    /// Protected by the device lock.
    public let memory = GuestMemory()
    public let layout: MachineLayout

    let virtualMachine: VirtualMachine
    let ram: RandomAccessMemory
    let ports = AddressSpaceBus()
    let registers = AddressSpaceBus()
    /// Streams between host and guest. Protected by the device lock.
    public let vsock: VsockDevice
    /// Where pods' interfaces are; nil for a machine without. Protected by the device lock.
    public let network: NetworkDevice?
    /// Waits for the network device's queues and taps. Immutable; there where `network` is.
    let networkThread: NetworkThread?
    /// Takes the guest's free pages back. Protected by the device lock.
    let balloon: BalloonDevice
    /// One for each zone, in their order. Protected by the device lock.
    public internal(set) var zoneDevices: [MemoryDevice] = []
    /// Protected by the device lock.
    var slots: [VirtioSlot] = []
    /// In the order of their coming. Protected by the device lock.
    var images: [ImageMemory] = []
    /// The devices, by index, that have images where the snapshot has placeholders. Protected by the device lock.
    public internal(set) var filledPlaces: [Int] = []
    /// Which memory slot is the next free one. Protected by the device lock.
    var nextMemorySlot: UInt32 = 0
    private(set) var serial: SerialPort?
    private(set) var processors: [VirtualCPUThread] = []
    /// What CPUID answers on the first processor. Immutable after the making.
    private(set) var processorFeatures: [CPUIDEntry] = []
    /// The machine is restored from a snapshot. Immutable after the making.
    private let isRestored: Bool
    /// What the saved machine's `save` was given; empty for one that is not restored. Immutable after the making.
    public let attachment: [UInt8]
    private let ended: EventDescriptor
    /// The guest's kernel has said that it panics. Protected by the device lock.
    private var hasPanicked = false
    /// The first end that was reported. Protected by the device lock.
    private var end: MachineEnd?

    /// Makes the machine and loads its kernel, or the state of a snapshot; it stands before its next instruction.
    ///
    /// `output`: gets what the guest writes to its serial console, with the device lock held.
    public init(
        _ configuration: MachineConfiguration, on kvm: KVM, from snapshot: Snapshot? = nil,
        output: @escaping ([UInt8]) -> Void
    ) throws(MachineError) {
        let saved = try making { try snapshot?.read() }
        isRestored = saved != nil
        attachment = saved?.attachment ?? []
        guard (1...MachineConfiguration.maxVirtualCPUs).contains(configuration.virtualCPUs) else {
            throw .virtualCPUCount(configuration.virtualCPUs, max: MachineConfiguration.maxVirtualCPUs)
        }
        let supported = try making { try kvm.supportedCPUID() }
        let layout = try making {
            try MachineLayout(
                MachineLayout.Request(
                    baseMemory: configuration.baseSizeInBytes, zoneCount: configuration.zoneCount,
                    zoneSize: configuration.zoneSizeInBytes,
                    imageSizes: try configuration.images.map { try $0?.sizeInBytes() },
                    deviceCount: configuration.deviceTable.devices.count,
                    physicalAddressBits: Self.physicalAddressBits(supported)))
        }
        self.layout = layout
        (loop, ended, ram, virtualMachine) = try making { [lock] in
            (
                try EventLoop(lock: lock), try EventDescriptor(),
                try RandomAccessMemory(layout, from: snapshot?.memory), try VirtualMachine(on: kvm)
            )
        }
        vsock = VsockDevice(loop: loop)
        networkThread = try making { [lock] in configuration.takesContainers ? try NetworkThread(lock) : nil }
        network = networkThread.map { NetworkDevice(loop: $0.loop) }
        balloon = BalloonDevice(backing: FreePages(of: memory))
        try making {
            nextMemorySlot = try ram.mapBase(into: memory, of: virtualMachine)
            if let workingSet = try snapshot?.readWorkingSet() { ram.makePrivate(workingSet) }
            try attachPlatform(output)
            try attachDevices(configuration)
            if let saved {
                processors = try makeProcessors(configuration.virtualCPUs, supported)
                try restore(saved)
            } else {
                let boot = try load(configuration)
                processors = try makeProcessors(configuration.virtualCPUs, supported)
                try enter(boot)
            }
        }
    }

    /// Runs the machine to its end on this thread.
    ///
    /// - Parameters:
    ///   - prepareProcessor: what each vCPU's thread does first; it may wait there.
    ///   - prepareNetwork: the same of the network device's thread.
    ///   - begin: is called when all these threads have been started, before anything of the guest may run.
    public func run(
        prepareProcessor: @escaping @Sendable () -> Void = {}, prepareNetwork: @escaping @Sendable () -> Void = {},
        begin: () -> Void = {}
    ) -> MachineEnd {
        do {
            try lock.locked {
                try watchForTheEnd()
                if isRestored { resumeDevices() }
            }
            for processor in processors { try processor.start(handing: self, after: prepareProcessor) }
            try networkThread?.start(after: prepareNetwork)
        } catch {
            // Those that were started wait for the others: they go with the process.
            return .failed("\(error)")
        }
        begin()
        do { try loop.run() } catch { report(.failed("\(error)")) }
        for processor in processors { processor.stop() }
        for processor in processors { processor.join() }
        networkThread?.end()
        return lock.locked {
            serial?.flush()
            return end ?? .stopped
        }
    }

    /// Ends the machine; with the device lock held.
    public func stop(_ reason: MachineEnd = .stopped) {
        if end == nil { end = reason }
        ended.signal()
    }

    /// Whether the machine's end has been reported. Protected by the device lock.
    public var hasEnded: Bool { end != nil }

    func report(_ reason: MachineEnd) { lock.locked { stop(reason) } }

    private func watchForTheEnd() throws {
        try loop.add(ended.descriptor, for: .readable) { [self] _ in
            ended.drain()
            loop.stop()
        }
    }

    private func attachPlatform(_ output: @escaping ([UInt8]) -> Void) throws {
        let line = InterruptInput(InterruptMap.serial, of: virtualMachine)
        let serial = SerialPort(interrupt: line, output: output)
        try ports.insert(serial, at: PortMap.serial, sizeInBytes: PortMap.serialCount)
        self.serial = serial
        let power = PowerControl { [unowned self] event in handle(event) }
        try ports.insert(power, at: PortMap.power, sizeInBytes: PortMap.powerCount)
    }

    /// With the device lock held, on a vCPU's thread.
    private func handle(_ event: PowerEvent) {
        switch event {
        case .powerOff: stop(.poweredOff)
        // The kernel's last messages come between its report and the reset that `panic=-1` asks for.
        case .panicked: hasPanicked = true
        case .reset: stop(hasPanicked ? .panicked : .reset)
        case .exit(let code): stop(.exited(code: code))
        }
    }

    private func makeProcessors(_ count: Int, _ supported: [CPUIDEntry]) throws -> [VirtualCPUThread] {
        let filter = CPUIDFilter(virtualCPUCount: count)
        processorFeatures = filter.entries(from: supported, forVirtualCPU: 0)
        return try (0..<count).map { index in
            let processor = try VirtualCPU(index, of: virtualMachine)
            try processor.setCPUID(filter.entries(from: supported, forVirtualCPU: index))
            return VirtualCPUThread(processor)
        }
    }

    /// Lets the first processor enter the kernel. The others wait for the guest's INIT and SIPI in their local APICs.
    private func enter(_ boot: BootState) throws {
        for processor in processors { try processor.cpu.setModelSpecificRegisters(Self.initialRegisters) }
        try processors[0].cpu.setLongMode(boot.longMode)
        try processors[0].cpu.setStartRegisters(boot.registers)
    }

    /// What firmware would have set: fast string operations (IA32_MISC_ENABLE bit 0), and all memory write-back
    /// (IA32_MTRR_DEF_TYPE: enabled, type 6).
    private static let initialRegisters = [
        ModelSpecificRegister(index: 0x1a0, value: 1), ModelSpecificRegister(index: 0x2ff, value: 1 << 11 | 6),
    ]

    /// CPUID 0x80000008 EAX bits 0–7; 36 where a processor does not report it.
    private static func physicalAddressBits(_ entries: [CPUIDEntry]) -> Int {
        entries.first { $0.function == 0x8000_0008 }.map { Int($0.eax & 0xff) } ?? 36
    }
}

extension Machine: VirtualCPUThread.Exits {
    func readPort(_ address: UInt16, width: Int) -> UInt64 {
        lock.locked { ports.read(UInt64(address), width: width) }
    }

    func writePort(_ value: UInt64, _ address: UInt16, width: Int) {
        lock.locked { ports.write(value, to: UInt64(address), width: width) }
    }

    func readMemory(_ address: UInt64, width: Int) -> UInt64 {
        lock.locked { registers.read(address, width: width) }
    }

    func writeMemory(_ value: UInt64, _ address: UInt64, width: Int) {
        lock.locked { registers.write(value, to: address, width: width) }
    }

    func end(_ end: MachineEnd) { report(end) }
}
