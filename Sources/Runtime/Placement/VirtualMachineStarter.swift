public import ControlProtocol
import Glibc
public import LinuxSystem
import Logs
import SystemPackage

/// A VM to start: its parts, and the descriptors that make it the VM of its directory.
public struct VirtualMachineLaunch: Sendable {
    public var files: VirtualMachineFiles
    /// Its sizes.
    public var record: VirtualMachineRecord
    /// Whose it is, for its log.
    public var function = ""
    public var tenant = ""
    /// EROFS files, and places for further ones; the first becomes /dev/pmem0.
    public var images: [String?]
    /// How long it lives on without containers; 0: for ever.
    public var idleTimeoutInSeconds: Int
    /// The same for a prewarmed one, before its first container.
    public var prewarmTimeoutInSeconds: Int
    /// It is prewarmed: it also ends where the host lacks memory.
    public var isPrewarmed = false
    /// It ends with the first container that it gets.
    public var isAlone: Bool
    public var kernelArguments: String
    /// The template that it is restored from, and what it must be a template of.
    public var template: (directory: String, identity: String)?
    /// Listens at the VM's socket.
    public var control: OwnedDescriptor
    /// Locked, and open for reading alone.
    public var lock: OwnedDescriptor
    /// Gets the process's id; the process does not get it.
    public var identity: OwnedDescriptor
    /// Gets what its guest's kernel prints.
    public var console: OwnedDescriptor
    /// Gets what the process says.
    public var log: OwnedDescriptor
    /// The walls around it.
    public var jail: MachineArguments.Jail
    /// Its control group; nil where the host has none to give.
    var group: ControlGroup?
    /// Where its group's limit of memory is written; the process follows its zones there.
    var memoryLimit: OwnedDescriptor?
    /// Who is killed first where the host lacks memory.
    var outOfMemoryScoreAdjustment = 0
    /// Keep its user, the images and the template from being given to others, or removed, for as long as the process lives; it need not know of them.
    public var leases: [OwnedDescriptor]
}

/// Whatever starts a VM.
public protocol VirtualMachineStarter: Sendable {
    /// Starts it; from then on the started one owns the lock and the socket too.
    func start(_ launch: VirtualMachineLaunch) throws(RuntimeError)
}

/// Starts `czone-vm`.
public struct MonitorStarter: VirtualMachineStarter {
    public init() {}

    static let environment = [
        "PATH=\(defaultSearchPath)",
        // A program that looks into this one at its crash could not be run.
        "SWIFT_BACKTRACE=enable=no",
    ]

    public func start(_ launch: VirtualMachineLaunch) throws(RuntimeError) { _ = try begin(launch) }

    /// The same; the process that is the VM, a child of this one.
    public func begin(_ launch: VirtualMachineLaunch) throws(RuntimeError) -> ChildProcess {
        let nothing = try system { () throws(SystemError) in try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR) }
        var process = ProcessLaunch(
            launch.files.monitor.string, arguments: Self.arguments(of: launch),
            environment: Self.environment + Self.logEnvironment(of: launch),
            input: nothing,
            output: launch.log, error: launch.log)
        process.kept = [launch.control, launch.lock, launch.console] + launch.leases
        process.identityFile = launch.identity
        process.seesNoProcesses = true
        process.isDetached = true
        if let limit = launch.memoryLimit { process.kept.append(limit) }
        let child = try system { () throws(SystemError) in
            process.groups = try launch.group?.entrances() ?? []
            return try process.start()
        }
        // The starter's own, which may be containerd's -999, is not its. Not all may set less than they have.
        try? FileSystem.write(
            "\(launch.outOfMemoryScoreAdjustment)", into: "/proc/\(child.id)/oom_score_adj")
        return child
    }

    /// What the VM's log looks like, and what each of its lines says: the command's own choices, passed on.
    static func logEnvironment(of launch: VirtualMachineLaunch) -> [String] {
        let metadata = "vm=\(launch.record.id),function=\(launch.function),tenant=\(launch.tenant)"
        return Log.environment + ["\(Log.metadataVariable)=\(metadata)"]
    }

    static func arguments(of launch: VirtualMachineLaunch) -> [String] {
        let service = MachineArguments.Service(
            controlDescriptor: launch.control.rawValue, lockDescriptor: launch.lock.rawValue,
            logDescriptor: launch.console.rawValue,
            idleTimeoutInSeconds: launch.idleTimeoutInSeconds > 0 ? UInt32(clamping: launch.idleTimeoutInSeconds) : nil,
            memoryLimitDescriptor: launch.memoryLimit?.rawValue,
            prewarmTimeoutInSeconds: launch.isPrewarmed ? UInt32(clamping: launch.prewarmTimeoutInSeconds) : nil,
            template: launch.template.map { MachineArguments.Template(directory: $0.directory, identity: $0.identity) })
        return [launch.files.monitor.string]
            + MachineArguments(
                files: launch.files, record: launch.record, images: launch.images,
                kernelArguments: launch.kernelArguments, isAlone: launch.isAlone, purpose: .containers(service),
                jail: launch.jail
            ).words
    }
}

extension MachineArguments {
    /// Of a VM of this host. A template and what is restored from it have all but the purpose in common.
    init(
        files: VirtualMachineFiles, record: VirtualMachineRecord, images: [String?], kernelArguments: String,
        isAlone: Bool, purpose: Purpose, jail: Jail
    ) {
        self.init(
            kernel: files.kernel.string, initialRAMDisk: files.initialRAMDisk.string,
            size: Size(
                memoryInBytes: record.memoryInBytes, virtualCPUs: record.virtualCPUs, zoneCount: record.zoneCount,
                zoneSizeInBytes: record.zoneSizeInBytes),
            images: images, addedCommandLine: kernelArguments, isAlone: isAlone, purpose: purpose,
            jail: jail)
    }
}

/// Starts VMs whose process is a child of this one for as long as both live.
public struct ReapingStarter: VirtualMachineStarter {
    public init() {}

    public func start(_ launch: VirtualMachineLaunch) throws(RuntimeError) {
        let process = try MonitorStarter().begin(launch)
        try? process.reapAtItsEnd()
    }
}
