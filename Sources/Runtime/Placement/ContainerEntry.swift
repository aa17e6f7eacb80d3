import AgentProtocol
import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import SystemPackage

/// A container that is in the registry, and what goes to the VM with it.
struct ContainerEntry {
    let directory: ContainerDirectory
    var record: ContainerRecord
    let request: ControlRequest
    /// What goes with the request.
    private(set) var descriptors: [OwnedDescriptor]
    let volumes: VolumeSet

    init(_ order: Placement.Order, in registry: Registry) throws(RuntimeError) {
        var record = order.record
        let logs = record.isDetached ? ContainerLogs(of: registry, besides: order.store.root) : nil
        record.logDirectory = logs?.directory(of: record.id)
        let (directory, exit) = try registry.enter(record)
        self.directory = directory
        self.record = record
        volumes = order.volumes
        var descriptors = order.streams.descriptors
        var passed = order.streams.passed
        var logFiles: ArraySlice<OwnedDescriptor> = []
        if let logs, let logDirectory = record.logDirectory {
            do throws(RuntimeError) { logFiles = try logs.make(logDirectory, order.logOptions)[...] } catch {
                try? directory.remove()
                throw error
            }
            descriptors += logFiles.prefix(1)
            passed.insert(.log)
        }
        descriptors.append(exit)
        passed.insert(.exitRecord)
        var specification = order.specification
        if let network = order.network {
            try directory.noteNetwork(network.note)
            specification.interfaces = network.interfaces
            descriptors += network.takeTaps()
        }
        self.descriptors = descriptors + logFiles.dropFirst()
        var run = RunRequest(
            id: record.id, zoneSizeInBytes: order.zoneSizeInBytes, maxZoneSizeInBytes: order.maxZoneSizeInBytes,
            wantsZoneSizes: order.wantsZoneSizes, descriptors: passed, endsWithConnection: !record.isDetached,
            create: CreateContainer(
                container: ContainerNumber(0), node: 0, zoneBytes: 0, start: true, specification: specification),
            warmStart: order.warmStart)
        if !logFiles.isEmpty {
            run.log = RunRequest.Log(fileCount: UInt8(logFiles.count), maxFileBytes: order.logOptions.maxFileBytes)
        }
        if case .create(let sandbox) = order.beginning {
            request = .create(CreateRequest(run: run, sandbox: sandbox))
        } else {
            request = .run(run)
        }
    }

    /// The VM has the descriptors, or nobody gets them: only then does the end of what is written to them show.
    mutating func letGoOfDescriptors() { descriptors = [] }
}
