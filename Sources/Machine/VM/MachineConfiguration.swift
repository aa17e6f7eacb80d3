public import Geometry
public import LinuxSystem
public import Virtio

/// What a machine shall be: sizes, and files that are open already, so that making and running it opens none.
public struct MachineConfiguration {
    public var kernel: OwnedDescriptor
    public var initialRAMDisk: OwnedDescriptor?
    public var commandLine: String
    /// RAM of node 0 in bytes, a multiple of 2 MiB.
    public var baseSizeInBytes: UInt64
    /// 1 to 32.
    public var virtualCPUs: Int
    /// How many zones the machine can have, 0 to `ZoneGeometry.maxZoneCount`.
    public var zoneCount: Int
    /// The largest size of one zone in bytes, whole blocks.
    public var zoneSizeInBytes: UInt64
    /// EROFS images, padded to 2 MiB; each becomes a read-only persistent-memory device. Nil: a place for one, which a
    /// machine that is restored from this one's snapshot has.
    public var images: [OwnedDescriptor?]
    /// The file system that volumes are seen through; nil: none.
    public var fileSystem: FileSystemDevice.Configuration?

    /// Whether containers come and go in it: then it has what they need besides their zones, vsock streams to the agent, a
    /// balloon that gives free pages back, and a network interface whose ports come and go. A bare VM has none of these:
    /// nobody would talk to them, and each costs its boot some hundredth.
    public var takesContainers: Bool

    public init(
        kernel: OwnedDescriptor, initialRAMDisk: OwnedDescriptor?, commandLine: String, baseSizeInBytes: UInt64,
        virtualCPUs: Int, zoneCount: Int = 0, zoneSizeInBytes: UInt64 = ZoneGeometry.blockSizeInBytes,
        images: [OwnedDescriptor?] = [],
        takesContainers: Bool = false, fileSystem: FileSystemDevice.Configuration? = nil
    ) {
        self.kernel = kernel
        self.initialRAMDisk = initialRAMDisk
        self.commandLine = commandLine
        self.baseSizeInBytes = baseSizeInBytes
        self.virtualCPUs = virtualCPUs
        self.zoneCount = zoneCount
        self.zoneSizeInBytes = zoneSizeInBytes
        self.images = images
        self.takesContainers = takesContainers
        self.fileSystem = fileSystem
    }

    /// The guest kernel has NR_CPUS=32.
    public static let maxVirtualCPUs = 32
}
