import Geometry
public import LinuxSystem
import Memory
public import Virtio
import Zones

extension MachineConfiguration {
    var deviceTable: DeviceTable {
        DeviceTable(
            imageCount: images.count, zoneCount: zoneCount, takesContainers: takesContainers,
            hasFileSystem: fileSystem != nil)
    }
}

extension Machine {
    /// Makes each device of the table and puts it into its slot.
    func attachDevices(_ configuration: MachineConfiguration) throws {
        for device in configuration.deviceTable.devices {
            slots.append(
                try VirtioSlot(
                    try make(device, configuration), index: slots.count, memory: memory, machine: virtualMachine,
                    bus: registers, loop: device == .network ? networkThread?.loop ?? loop : loop))
        }
    }

    private func make(
        _ device: DeviceTable.Device, _ configuration: MachineConfiguration
    ) throws -> any VirtioDevice {
        switch device {
        case .entropy: EntropyDevice()
        case .vsock: vsock
        case .image(let index): try makeImage(configuration.images[index], at: layout.images[index])
        case .zone(let index): try makeZone(layout.zones[index])
        case .balloon: balloon
        case .network: present(network, device)
        case .fileSystem: FileSystemDevice(present(configuration.fileSystem, device), lock: lock)
        }
    }

    /// Makes an image's device, or a place for one.
    private func makeImage(_ image: OwnedDescriptor?, at range: GuestRange?) throws -> PersistentMemoryDevice {
        guard let image, let range else { return PersistentMemoryDevice(range: nil) }
        try map(image, at: range)
        return PersistentMemoryDevice(range: range)
    }

    private func map(_ image: OwnedDescriptor, at range: GuestRange) throws {
        images.append(
            try ImageMemory(image, at: range, in: memory, machine: virtualMachine, slot: takeMemorySlot()))
    }

    /// Maps an image into the guest, which runs, and puts it into the first place that has none: the guest has to look there
    /// anew. It stays to the machine's end, as to remove a memory slot drops the VM's page tables on most kernels. With
    /// the device lock held.
    ///
    /// - Returns: nil where there is no place, or no room for so large an image.
    public func attachImage(_ file: OwnedDescriptor) throws -> AttachedImage? {
        let places = slots.lazy.compactMap { slot in
            (slot.transport.device as? PersistentMemoryDevice).map { (slot.index, $0) }
        }
        guard let (index, device) = places.first(where: { $1.range == nil }),
            let range = layout.rangeOfImage(sizeInBytes: try file.sizeInBytes(), behind: images.map(\.range))
        else { return nil }
        try map(file, at: range)
        device.fill(range)
        return AttachedImage(device: index, range: range)
    }

    private func makeZone(_ zone: Zone) throws -> MemoryDevice {
        let backing = try ZoneMemory(zone.range, in: memory, of: virtualMachine, slot: takeMemorySlot())
        let device = MemoryDevice(zone: zone, backing: backing)
        zoneDevices.append(device)
        return device
    }

    /// What a device of the table is made of: the table has the device only where that is.
    private func present<Part>(_ part: Part?, _ device: DeviceTable.Device) -> Part {
        guard let part else { preconditionFailure("the machine's table has \(device), its configuration has not") }
        return part
    }

    private func takeMemorySlot() -> UInt32 {
        defer { nextMemorySlot += 1 }
        return nextMemorySlot
    }

    /// Has every device report to an observer what the guest does against the rules. Before the machine runs.
    public func observeFaults(by observer: any GuestFaultObserver) {
        for slot in slots { slot.transport.faultObserver = observer }
        network?.faultObserver = observer
    }

    /// The guest has booted: what it touches from now on comes in small pages. With the device lock held.
    public func noteBooted() { ram.growByPages() }

    /// Host memory that the base memory occupies now, in bytes.
    public var baseResidentBytes: UInt64 { ram.baseResidentBytes }

    /// Host memory that a zone occupies now, in bytes. With the device lock held.
    public func residentBytes(ofZone index: Int) -> UInt64 {
        let zone = layout.zones[index].range
        return memory.ranges.filter(zone.contains).reduce(0) { $0 + (memory.mapping(at: $1.start)?.privateBytes ?? 0) }
    }
}

/// The host's side of the serial console. All with the device lock held.
extension Machine {
    /// How many bytes of input the console takes now.
    public var consoleInputRoom: Int { serial?.inputRoom ?? 0 }

    /// Types on the console; what exceeds `consoleInputRoom` is lost, as on a real line.
    public func typeOnConsole(_ bytes: [UInt8]) { _ = serial?.enqueue(bytes) }

    /// Calls `handler` when the guest has read all that was typed.
    public func onConsoleInputDrained(_ handler: @escaping () -> Void) { serial?.onInputDrained = handler }
}
