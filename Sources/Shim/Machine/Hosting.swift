import LinuxSystem
import NIOPosix
import OCI
import Runtime

/// What the daemon runs containers with.
struct Hosting: Sendable {
    let namespace: String
    let folders: HostFolders
    let registry: Registry
    let images: ImageStore
    let group: MultiThreadedEventLoopGroup
    let work: BlockingWork

    init(namespace: String, folders: HostFolders, group: MultiThreadedEventLoopGroup) throws {
        self.namespace = namespace
        self.folders = folders
        registry = try folders.registry()
        images = try folders.images()
        self.group = group
        work = BlockingWork(threads: 8)
    }

    func registryID(_ id: String) -> String { HostFolders.registryID(id, namespace: namespace) }

    /// Placement with what the host is configured for now.
    func placement() throws -> (Placement, Configuration, VirtualMachineFiles) {
        let (configuration, files) = (try Configuration.load(), try VirtualMachineFiles(Artefacts()))
        let placement = Placement(
            registry: registry, configuration: configuration, files: files, starter: ReapingStarter())
        return (placement, configuration, files)
    }
}

/// Starts VMs whose process is a child of this one for as long as both live.
struct ReapingStarter: VirtualMachineStarter {
    func start(_ launch: VirtualMachineLaunch) throws(RuntimeError) {
        try MonitorStarter().start(launch)
        // The launch wrote the process's id there, before the program began.
        guard let text = try? launch.lock.read(exactly: Int(launch.lock.sizeInBytes()), at: 0),
            let id = Int32(String(decoding: text.prefix { $0 != 0x0A }, as: UTF8.self))
        else { return }
        try? ChildProcess(id: id).reapAtItsEnd()
    }
}
