public import Geometry

/// What a `czone-vm` process is started with: its one caller is czone itself, which encodes it as words of the command
/// line (`words`), and the process parses the same words. Paths and identities are opaque texts without zero bytes.
public struct MachineArguments: Equatable, Sendable {
    /// The sizes of a VM.
    public struct Size: Equatable, Sendable {
        /// RAM besides the zones, in bytes, a multiple of 2 MiB.
        public var memoryInBytes: UInt64
        /// 1 to 32, as the guest's kernel has it.
        public var virtualCPUs: Int
        /// 0 to `ZoneGeometry.maxZoneCount`.
        public var zoneCount: Int
        /// The largest size of each zone in bytes, whole blocks.
        public var zoneSizeInBytes: UInt64

        public init(
            memoryInBytes: UInt64, virtualCPUs: Int, zoneCount: Int = 0,
            zoneSizeInBytes: UInt64 = ZoneGeometry.blockSizeInBytes
        ) {
            self.memoryInBytes = memoryInBytes
            self.virtualCPUs = virtualCPUs
            self.zoneCount = zoneCount
            self.zoneSizeInBytes = zoneSizeInBytes
        }
    }

    /// The directory of a template, and what it must have been made of: a text that is compared as a whole.
    public struct Template: Equatable, Sendable {
        /// An absolute path.
        public var directory: String
        /// At most what an argument of a command line can be: 128 KiB.
        public var identity: String

        public init(directory: String, identity: String) {
            self.directory = directory
            self.identity = identity
        }
    }

    /// A VM whose containers come and go: the descriptors that it is given, and how long it lives without containers.
    public struct Service: Equatable, Sendable {
        /// The listening control socket.
        public var controlDescriptor: Int32
        /// The locked file by which others know that the VM lives.
        public var lockDescriptor: Int32
        /// Gets what the guest and the process print.
        public var logDescriptor: Int32
        /// Gets the limit of memory of the process's control group, in bytes, as zones come and go; nil: there is none.
        public var memoryLimitDescriptor: Int32?
        /// The VM powers off after so many seconds without a container; nil: never.
        public var idleTimeoutInSeconds: UInt32?
        /// The VM is prewarmed: so many seconds (0: without limit) it waits for its first container, and not where the
        /// host lacks memory. Nil: somebody has a container for it.
        public var prewarmTimeoutInSeconds: UInt32?
        /// What the VM is restored from; nil: it boots.
        public var template: Template?

        public init(
            controlDescriptor: Int32, lockDescriptor: Int32, logDescriptor: Int32, idleTimeoutInSeconds: UInt32? = nil,
            memoryLimitDescriptor: Int32? = nil, prewarmTimeoutInSeconds: UInt32? = nil, template: Template? = nil
        ) {
            self.controlDescriptor = controlDescriptor
            self.lockDescriptor = lockDescriptor
            self.logDescriptor = logDescriptor
            self.idleTimeoutInSeconds = idleTimeoutInSeconds
            self.memoryLimitDescriptor = memoryLimitDescriptor
            self.prewarmTimeoutInSeconds = prewarmTimeoutInSeconds
            self.template = template
        }
    }

    /// The walls around the process.
    public struct Jail: Equatable, Sendable {
        /// What is left of the numbers of users that others give out (systemd's table, docs/UIDS-GIDS): from here on.
        public static let firstUser: UInt32 = 0x7000_0000

        /// Instead of all others, before the number of a user: the process goes behind the walls, prints a line for each
        /// that the host refused, and ends.
        public static let examinationOption = "--examine-jail"

        /// The user of the host that the process becomes: nobody else's, and nothing belongs to it.
        public var user: UInt32
        /// It goes on without a wall that the host refuses.
        public var isReduced: Bool
        /// No other process's threads run on a processor core at the same time as its own (core scheduling).
        public var ownsCores: Bool

        public init(user: UInt32 = firstUser, isReduced: Bool = false, ownsCores: Bool = false) {
            self.user = user
            self.isReduced = isReduced
            self.ownsCores = ownsCores
        }
    }

    /// What the VM is for.
    public enum Purpose: Equatable, Sendable {
        /// A kernel whose console is the process's standard input and output, and nothing else.
        case console
        /// Containers come and go in it.
        case containers(Service)
        /// Boots, saves itself into the template's directory, which must have no files of a template, and ends. Where the
        /// directory has a `ProcessTemplateRequest`, the VM is saved with that process template at its point.
        case saveTemplate(Template)
        /// Is restored, writes the pages that it has written until it was ready into a file, and ends.
        case recordWorkingSet(of: Template, to: String)
    }

    /// The path of a vmlinux.
    public var kernel: String
    /// The path of its file; nil: the kernel has none.
    public var initialRAMDisk: String?
    /// What must be the same for a template and what is restored from it, as all but the purpose.
    public var size: Size
    /// Absolute paths of EROFS files; the first becomes /dev/pmem0. Nil: a place for one, in what becomes the template of
    /// every image.
    public var images: [String?]
    /// What is added to the kernel's command line.
    public var addedCommandLine: String
    /// The VM takes one container and ends with it.
    public var isAlone: Bool
    /// What becomes of the machine that is made.
    public var purpose: Purpose
    /// What is around the process when its guest begins.
    public var jail: Jail

    public init(
        kernel: String, initialRAMDisk: String?, size: Size, images: [String?] = [], addedCommandLine: String = "",
        isAlone: Bool = false, purpose: Purpose, jail: Jail = Jail()
    ) {
        self.kernel = kernel
        self.initialRAMDisk = initialRAMDisk
        self.size = size
        self.images = images
        self.addedCommandLine = addedCommandLine
        self.isAlone = isAlone
        self.purpose = purpose
        self.jail = jail
    }

    /// What the process takes besides its guest's memory, in bytes: itself, page tables and what else the kernel has for
    /// it, and pages of files that nobody else has read. The limit of its control group has room for it.
    public static let overheadInBytes: UInt64 = 64 << 20

    /// Whether it is, or is made for, a VM that takes containers, which has devices that a bare one lacks.
    public var takesContainers: Bool { purpose != .console }
}
