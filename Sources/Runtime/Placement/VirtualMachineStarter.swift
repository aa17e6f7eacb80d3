import Glibc
public import LinuxSystem
import SystemPackage

/// A VM to start: its parts, and the descriptors that make it the VM of its folder.
public struct VirtualMachineLaunch: Sendable {
    public var files: VirtualMachineFiles
    public var memoryInBytes: UInt64
    public var virtualCPUs: Int
    public var zoneCount: Int
    public var zoneSizeInBytes: UInt64
    /// EROFS files; the first becomes /dev/pmem0.
    public var images: [String]
    /// How long it lives on without containers; 0: for ever.
    public var idleTimeoutInSeconds: Int
    public var kernelArguments: String
    /// Listens at the VM's socket.
    public var control: OwnedDescriptor
    /// Locked; also gets the process's id.
    public var lock: OwnedDescriptor
    /// Gets what the VM and its guest print.
    public var log: OwnedDescriptor
    /// Keep the images from being removed for as long as the process lives; it need not know of them.
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

    public func start(_ launch: VirtualMachineLaunch) throws(RuntimeError) {
        let nothing = try system { () throws(SystemError) in try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR) }
        var process = ProcessLaunch(
            launch.files.monitor.string, arguments: Self.arguments(of: launch),
            environment: ["PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin"], input: nothing,
            output: launch.log, error: launch.log)
        process.kept = [launch.control, launch.lock, launch.log] + launch.leases
        process.identityFile = launch.lock
        process.isDetached = true
        _ = try system { () throws(SystemError) in try process.start() }
    }

    static func arguments(of launch: VirtualMachineLaunch) -> [String] {
        var arguments = [
            launch.files.monitor.string, "--kernel", launch.files.kernel.string, "--initrd", launch.files.initialRAMDisk.string,
            "--memory", "\(launch.memoryInBytes)", "--cpus", "\(launch.virtualCPUs)", "--zones", "\(launch.zoneCount)",
            "--zone-size", "\(launch.zoneSizeInBytes)",
        ]
        for image in launch.images { arguments += ["--image", image] }
        arguments += [
            "--control-descriptor", "\(launch.control.rawValue)", "--lock-descriptor", "\(launch.lock.rawValue)",
            "--log-descriptor", "\(launch.log.rawValue)",
        ]
        if launch.idleTimeoutInSeconds > 0 { arguments += ["--idle-timeout", "\(launch.idleTimeoutInSeconds)"] }
        if !launch.kernelArguments.isEmpty { arguments += ["--append", launch.kernelArguments] }
        return arguments
    }
}
