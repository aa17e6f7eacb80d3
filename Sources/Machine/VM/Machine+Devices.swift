import LinuxSystem
import Memory
import Virtio
import Zones

/// The virtio devices of a machine, in the order of their register windows: entropy, vsock, images, zones, balloon,
/// network, file system; vsock, balloon and network where it takes containers. The guest numbers its pmem devices in this
/// order.
struct DeviceSet {
    static func firstImage(_ configuration: MachineConfiguration) -> Int { configuration.takesContainers ? 2 : 1 }

    static func firstZone(_ configuration: MachineConfiguration) -> Int {
        firstImage(configuration) + configuration.images.count
    }

    static func count(_ configuration: MachineConfiguration) -> Int {
        firstZone(configuration) + configuration.zoneCount + (configuration.takesContainers ? 2 : 0)
            + (configuration.fileSystem == nil ? 0 : 1)
    }
}

extension Machine {
    /// Makes each device and puts it into its slot.
    func attachDevices(_ configuration: MachineConfiguration) throws {
        try attach(EntropyDevice())
        if configuration.takesContainers { try attach(vsock) }
        for (image, range) in zip(configuration.images, layout.images) {
            images.append(try ImageMemory(image.file, at: range, machine: virtualMachine, slot: takeMemorySlot()))
            try attach(PersistentMemoryDevice(range: range))
        }
        try attachZones()
        if configuration.takesContainers { try attach(balloon) }
        if let network { try attach(network) }
        if let fileSystem = configuration.fileSystem { try attach(FileSystemDevice(fileSystem, lock: lock)) }
    }

    private func attachZones() throws {
        guard !layout.zones.isEmpty else { return }
        let table = try ZoneTable(
            sizesInBytes: layout.zones.map(\.sizeInBytes), base: layout.zones[0].start)
        for zone in table.zones {
            let backing = try ZoneMemory(zone.range, in: memory, of: virtualMachine, slot: takeMemorySlot())
            let device = MemoryDevice(zone: zone, backing: backing)
            zoneDevices.append(device)
            try attach(device)
        }
    }

    private func attach(_ device: any VirtioDevice) throws {
        slots.append(
            try VirtioSlot(
                device, index: slots.count, memory: memory, machine: virtualMachine, bus: registers, loop: loop))
    }

    private func takeMemorySlot() -> UInt32 {
        defer { nextMemorySlot += 1 }
        return nextMemorySlot
    }

    /// The guest has booted: what it touches from now on comes in small pages. With the device lock held.
    public func noteBooted() { ram.growByPages() }

    /// Host memory that the base memory occupies now, in bytes.
    public var baseResidentBytes: UInt64 { ram.baseResidentBytes }

    /// Host memory that a zone occupies now, in bytes. With the device lock held.
    public func residentBytes(ofZone index: Int) -> UInt64 {
        let zone = layout.zones[index]
        return memory.ranges.filter(zone.contains).reduce(0) { $0 + (memory.mapping(at: $1.start)?.privateBytes ?? 0) }
    }
}
