import Geometry
import LinuxSystem
import Memory
import Zones

extension Machine {
    /// Loads the kernel and all that it is started with; the state in which the first processor enters it.
    func load(_ configuration: MachineConfiguration) throws -> BootState {
        let kernel = try KernelImage(reading: configuration.kernel)
        let plan = try BootPlan(
            layout: layout, kernel: kernel, initrdSize: try configuration.initialRAMDisk?.sizeInBytes(),
            commandLine: configuration.commandLine)
        try kernel.load(from: configuration.kernel, into: memory)
        if let disk = configuration.initialRAMDisk { try plan.loadInitrd(from: disk, into: memory) }
        try BootState.writeTables(into: memory)
        let tables = try ACPITables(processorCount: configuration.virtualCPUs, layout: layout)
        try tables.write(into: memory)
        try plan.writeParameters(
            into: memory, acpiRootPointer: ACPITables.rootPointer,
            setupData: [
                .deviceTree(try deviceTree(configuration).blob()),
                // Entropy from the first instruction on, before any device can be asked.
                .randomSeed,
            ])
        return BootState(entry: kernel.entry)
    }

    private func deviceTree(_ configuration: MachineConfiguration) -> DeviceTree {
        let devices = configuration.deviceTable
        return DeviceTree(
            zones: layout.zones.map { zone in
                DeviceTree.Zone(
                    node: zone.node, range: zone.range, device: UInt32(devices.firstZone + zone.index))
            },
            images: zip(configuration.images, layout.images).enumerated().map { index, image in
                DeviceTree.Image(
                    range: image.1, device: UInt32(devices.firstImage + index), digest: image.0.digest)
            })
    }
}
