import LinuxSystem
import NIOPosix
import OCI
import Runtime

/// What the daemon runs containers with.
struct Hosting: Sendable {
    let namespace: String
    let directories: ShimDirectories
    let registry: Registry
    let images: ImageStore
    let group: MultiThreadedEventLoopGroup
    let work: BlockingWork
    /// How long VMs are waited for.
    let timeouts: ControlTimeouts
    /// The program of a process that stands for a container, and its arguments: it ends when its standard input does.
    let holder: [String]
    private let starter: any VirtualMachineStarter
    private let provider: (any Provider)?
    /// What VMs are made of; nil: what this host has at that moment.
    private let files: VirtualMachineFiles?

    init(
        namespace: String, directories: ShimDirectories, group: MultiThreadedEventLoopGroup,
        starter: any VirtualMachineStarter = ReapingStarter(), provider: (any Provider)? = nil,
        files: VirtualMachineFiles? = nil, timeouts: ControlTimeouts = .standard,
        holder: [String] = [CurrentProcess.executablePath, Invocation.Action.hold.rawValue]
    ) throws {
        self.holder = holder
        self.namespace = namespace
        self.directories = directories
        registry = try directories.registry()
        images = try directories.images()
        self.group = group
        self.starter = starter
        self.provider = provider
        self.files = files
        self.timeouts = timeouts
        work = BlockingWork(threads: 8)
    }

    func registryID(_ id: String) -> String { ShimDirectories.registryID(id, namespace: namespace) }

    /// Placement with what the host is configured for now.
    func placement() throws -> (Placement, Configuration, VirtualMachineFiles) {
        let (configuration, files) = (try Configuration.load(), try self.files ?? VirtualMachineFiles(Artefacts()))
        let placement = Placement(
            registry: registry, configuration: configuration, files: files, starter: starter, provider: provider,
            timeouts: timeouts)
        return (placement, configuration, files)
    }
}
