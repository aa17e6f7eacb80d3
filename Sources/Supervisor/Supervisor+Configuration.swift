public import ControlProtocol
public import FileShare
public import LinuxSystem

extension Supervisor {
    /// What a VM is started with. Immutable.
    public struct Configuration {
        /// A listening unix socket; nil for a VM without clients.
        public var control: OwnedDescriptor?
        /// The VM powers off after so long without a container; nil: never.
        public var idleTimeoutInMilliseconds: UInt64?
        /// The VM is prewarmed; nil for one that somebody waits for.
        public var prewarm: PrewarmLimit?
        /// The VM takes one container and ends with it.
        public var isAlone: Bool
        public var virtualCPUs: Int
        public var purpose: Purpose
        /// The process template that a VM that becomes a template is to have; nil: none.
        public var processTemplate: ProcessTemplateRequest?
        /// What the supervisor of the saved VM left for that of a restored one (`Supervisor.savedState`); empty: nothing.
        public var restoredState: [UInt8] = []
        /// The VM is restored from a template.
        public var isRestored: Bool
        /// When the VM began to come into being (`MonotonicClock`, nanoseconds).
        public var startedAt: UInt64
        /// What the machine's file system shows the volumes of.
        public var files: any VolumeServer
        /// Answers the guest's requests for files, and opens and closes volumes.
        public var fileThreads: WorkerThreads
        /// Writes containers' logs and exit records.
        public var disk: DiskWork
        /// Of the VM's control group; nil: it has none.
        public var memoryLimit: MemoryLimit?
        /// The host's memory, of which zones grow; nil: unknown, and they grow as far as they may.
        public var hostMemory: HostMemoryFile?
        /// Takes a line for the VM's log, with the device lock held.
        public var log: (String) -> Void

        public init(
            control: OwnedDescriptor?, idleTimeoutInMilliseconds: UInt64?, prewarm: PrewarmLimit? = nil,
            isAlone: Bool = false, virtualCPUs: Int, purpose: Purpose = .containers,
            isRestored: Bool = false, startedAt: UInt64 = MonotonicClock.nanoseconds, files: any VolumeServer,
            fileThreads: WorkerThreads, disk: DiskWork, log: @escaping (String) -> Void = { _ in }
        ) {
            self.control = control
            self.idleTimeoutInMilliseconds = idleTimeoutInMilliseconds
            self.prewarm = prewarm
            self.isAlone = isAlone
            self.virtualCPUs = virtualCPUs
            self.purpose = purpose
            self.isRestored = isRestored
            self.startedAt = startedAt
            self.files = files
            self.fileThreads = fileThreads
            self.disk = disk
            self.log = log
        }
    }

    /// What a VM is for.
    public enum Purpose {
        case containers
        /// It stops once its guest is ready and at rest, to be saved as a template.
        case template
        /// It is restored from a template and stops as soon as its guest is ready: what it has written by then, every
        /// VM of the template writes.
        case workingSetRecording
    }
}
