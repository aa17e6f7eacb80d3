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
                .deviceTree(try DeviceTree(tree).blob()),
                // Entropy from the first instruction on, before any device can be asked.
                .randomSeed,
            ])
        return BootState(entry: kernel.entry)
    }

    private var tree: MachineTree {
        MachineTree(
            zones: layout.zones.map {
                MachineTree.Zone(node: $0.node, base: $0.range.start.rawValue, sizeInBytes: $0.sizeInBytes)
            },
            images: layout.images.enumerated().compactMap { index, range in
                range.map {
                    MachineTree.Image(device: UInt32(index), base: $0.start.rawValue, sizeInBytes: $0.sizeInBytes)
                }
            })
    }
}
