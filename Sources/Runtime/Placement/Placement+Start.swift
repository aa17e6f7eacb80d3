import Glibc
import LinuxSystem
import OCI
import SystemPackage

extension Placement {
    /// What a VM's process needs besides its base and zones, with room for the host to go on.
    private static var headroomInBytes: UInt64 { 64 << 20 }
    private static var largePage: UInt64 { 2 << 20 }

    /// Starts a VM. Only with the function locked.
    func start(for order: Order, in function: FunctionFolder) throws(RuntimeError) -> VirtualMachineFolder {
        let memory = baseMemory(for: order.image.erofsSizeInBytes)
        try checkMemory(needed: order.key.zoneSizeInBytes + Self.headroomInBytes)
        let lease: OwnedDescriptor
        do { lease = try order.store.lease(order.image).descriptor } catch { throw .invalid(error.description) }
        let machine = function.virtualMachine(Registry.freshID())
        try system { () throws(SystemError) in try FileSystem.makeFolder(machine.path) }
        do {
            let record = VirtualMachineRecord(
                id: machine.id, memoryInBytes: memory, virtualCPUs: configuration.virtualCPUs,
                zoneCount: configuration.zonesPerMachine, zoneSizeInBytes: order.key.zoneSizeInBytes,
                image: order.record.image, started: currentTimeInNanoseconds())
            try RecordFile.write(record, to: machine.recordPath)
            try starter.start(launch(of: machine, record, order, lease))
        } catch {
            try? machine.remove()
            throw error
        }
        return machine
    }

    private func launch(
        of machine: VirtualMachineFolder, _ record: VirtualMachineRecord, _ order: Order, _ lease: OwnedDescriptor
    ) throws(RuntimeError) -> VirtualMachineLaunch {
        try system { () throws(SystemError) in
            let lock = try OwnedDescriptor(opening: machine.lockPath, flags: O_RDWR | O_CREAT | O_EXCL)
            try lock.takeLock(.exclusive)
            return VirtualMachineLaunch(
                files: files, memoryInBytes: record.memoryInBytes, virtualCPUs: record.virtualCPUs,
                zoneCount: record.zoneCount, zoneSizeInBytes: record.zoneSizeInBytes, images: [order.image.erofsPath],
                idleTimeoutInSeconds: configuration.idleTimeoutInSeconds, kernelArguments: configuration.kernelArguments,
                control: try UnixSocket.listen(at: machine.socketPath), lock: lock,
                log: try OwnedDescriptor(opening: machine.consolePath, flags: O_WRONLY | O_CREAT | O_APPEND), leases: [lease])
        }
    }

    /// The image's device needs a page descriptor of 64 bytes for each page of 4 KiB, in the base.
    private func baseMemory(for imageSizeInBytes: UInt64) -> UInt64 {
        let memory = configuration.baseMemoryInBytes + imageSizeInBytes / 64
        return (memory + Self.largePage - 1) / Self.largePage * Self.largePage
    }

    private func checkMemory(needed: UInt64) throws(RuntimeError) {
        guard let host = HostMemory.current(), host.available < needed else { return }
        throw .invalid(
            "no VM has a free zone, and the host has no memory for another VM: \(ByteSize(bytes: needed)) needed, "
                + "\(ByteSize(bytes: host.available)) available")
    }
}
