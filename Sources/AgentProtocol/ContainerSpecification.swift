/// Where a layer, or the source of a bind mount, is found in the guest.
public enum Tree: Equatable, Sendable {
    /// The image on this pmem device (the N of /dev/pmemN).
    case image(device: UInt32)
    /// A directory or file below the root of a virtio-fs share. Links in the path do not lead out of the share.
    case share(tag: String, path: String)
    /// A path in the agent's own mount namespace.
    case guest(path: String)
}

/// The root of a container.
public struct RootFileSystem: Equatable, Sendable {
    /// The layers, topmost first. None: a container without files whose first process is the agent's own pause, which
    /// waits and reaps; `ProcessSpecification.arguments` are then only its name.
    public var layers: [Tree]
    /// Room in the writable layer, a tmpfs in the container's zone, in bytes; 0: as much as the zone has.
    public var writableBytes: UInt64
    /// OCI's `root.readonly`: after everything is mounted, the root is.
    public var isReadOnly: Bool
    /// OCI's `linux.rootfsPropagation` as mount(2) flags (MS_PRIVATE, MS_SLAVE, MS_SHARED); 0: private.
    public var propagation: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(layers: [Tree], writableBytes: UInt64 = 0, isReadOnly: Bool = false, propagation: UInt64 = 0) {
        self.layers = layers
        self.writableBytes = writableBytes
        self.isReadOnly = isReadOnly
        self.propagation = propagation
    }
}

/// An entry of OCI's `mounts`, its option words sorted by the host into flags, propagation and data.
public struct Mount: Equatable, Sendable {
    /// What is mounted.
    public enum Source: Equatable, Sendable {
        /// A new file system. Served: proc, sysfs, tmpfs, devpts, mqueue, cgroup2 (also for OCI's `cgroup`). A tmpfs
        /// gets its zone's memory policy from the agent.
        case fileSystem(type: String, name: String)
        /// OCI's `bind` and `rbind`.
        case bind(Tree, recursive: Bool)
        /// What is at the destination already, a directory that is made if it is missing: an image's volume, which stays
        /// writable where the root is not.
        case itself
    }

    /// What is mounted.
    public var source: Source
    /// Absolute, in the container; links are followed within it. Made if missing: a file for a bound file, else a
    /// directory.
    public var destination: CString
    /// MS_RDONLY, MS_NOSUID, MS_NODEV, MS_NOEXEC, MS_NOATIME, MS_RELATIME, MS_NODIRATIME, MS_STRICTATIME.
    public var flags: UInt64
    /// MS_PRIVATE, MS_SLAVE, MS_SHARED or MS_UNBINDABLE, with or without MS_REC; 0: none.
    public var propagation: UInt64
    /// What the file system itself takes: "mode=755,size=65536k"; of a bind mount `mapsOwners` or nothing.
    public var data: String

    /// Owners of a bind mount's files are those of the container's user namespace, and on the volume what they are in the
    /// container.
    public static let mapsOwners = "idmap"

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        source: Source, destination: CString, flags: UInt64 = 0, propagation: UInt64 = 0, data: String = ""
    ) {
        self.source = source
        self.destination = destination
        self.flags = flags
        self.propagation = propagation
        self.data = data
    }
}

/// A small file that the host writes into a container's root, before anything is mounted over it: resolv.conf, hosts,
/// hostname.
public struct InlineFile: Equatable, Sendable {
    /// Absolute, in the container; made or replaced. A link in its place is replaced, not followed.
    public var path: String
    /// Permission bits.
    public var mode: UInt32
    /// At most `Limits.fileContents` bytes.
    public var contents: [UInt8]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(path: String, mode: UInt32 = 0o644, contents: [UInt8]) {
        self.path = path
        self.mode = mode
        self.contents = contents
    }
}

/// Which namespace of a kind a container is in.
public enum NamespaceChoice: Equatable, Sendable {
    /// One of its own.
    case new
    /// The agent's, that is the guest's: what OCI calls the host's.
    case guest
    /// That of another container's first process, which must live: a pod's.
    case container(ContainerNumber)
}

/// The namespaces of a container; the mount namespace is always new.
public struct Namespaces: Equatable, Sendable {
    /// Process numbers: with `.new` the first process is 1, and its end the end of all.
    public var process: NamespaceChoice
    /// Interfaces, routes, ports.
    public var network: NamespaceChoice
    /// System V IPC and POSIX message queues.
    public var ipc: NamespaceChoice
    /// Host and domain name.
    public var hostName: NamespaceChoice
    /// What /proc/self/cgroup shows as the root.
    public var controlGroup: NamespaceChoice

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        process: NamespaceChoice = .new, network: NamespaceChoice = .new, ipc: NamespaceChoice = .new,
        hostName: NamespaceChoice = .new, controlGroup: NamespaceChoice = .new
    ) {
        self.process = process
        self.network = network
        self.ipc = ipc
        self.hostName = hostName
        self.controlGroup = controlGroup
    }
}

/// A file below /proc/sys in dotted form, and its value. The host lets only namespaced ones through.
public struct SystemControl: Equatable, Sendable {
    /// Dotted: "net.ipv4.ip_forward"; at most `Limits.name` bytes.
    public var name: String
    /// As it is written into the file; at most `Limits.text` bytes.
    public var value: String

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(name: String, value: String) {
        self.name = name
        self.value = value
    }
}

/// Limits of a control group; nil leaves one as it is (at creation: none). `UInt64.max` is "max".
public struct ResourceLimits: Equatable, Sendable {
    /// memory.max in bytes. With a zone at most zone − 8 MiB: the kernel kills before the zone is full.
    public var memoryMax: UInt64?
    /// memory.high in bytes.
    public var memoryHigh: UInt64?
    /// memory.low in bytes.
    public var memoryLow: UInt64?
    /// memory.min in bytes.
    public var memoryMin: UInt64?
    /// memory.oom.group: whether a container that is out of memory is killed whole; at creation true where it is nil.
    public var killsWhole: Bool?
    /// pids.max.
    public var processesMax: UInt64?
    /// cpu.max: microseconds of CPU time in each period.
    public var cpuQuota: UInt64?
    /// cpu.max: the period in microseconds; 100000 where it is nil.
    public var cpuPeriod: UInt64?
    /// cpu.max.burst: unused microseconds that may be saved up, at most the quota.
    public var cpuBurst: UInt64?
    /// cpu.weight, 1 … 10000.
    public var cpuWeight: UInt64?
    /// cpu.idle: whether it runs only when nobody else wants to; the weight is then without meaning.
    public var isIdle: Bool?

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        memoryMax: UInt64? = nil, memoryLow: UInt64? = nil, processesMax: UInt64? = nil,
        cpuQuota: UInt64? = nil, cpuPeriod: UInt64? = nil, cpuWeight: UInt64? = nil
    ) {
        self.memoryMax = memoryMax
        self.memoryLow = memoryLow
        self.processesMax = processesMax
        self.cpuQuota = cpuQuota
        self.cpuPeriod = cpuPeriod
        self.cpuWeight = cpuWeight
    }
}

/// An OCI runtime specification as the agent carries it out. /dev gets OCI's default devices and links always.
///
/// Not honoured, to be refused by name by the host: time namespaces, namespaces by path, other devices than the default ones (and `linux.resources.devices` that allow more), hooks,
/// `mountLabel`, `intelRdt`, `personality`, `memoryPolicy`, `netDevices`, block I/O, huge page, RDMA and network class
/// limits, CPU real-time settings, `cpuset` (the zone decides), seccomp listeners, sysctls that no namespace
/// holds.
public struct ContainerSpecification: Equatable, Sendable {
    /// Its file system.
    public var root: RootFileSystem
    /// In the order of mounting. A `/proc` among them is what paths to mask are looked up in.
    public var mounts: [Mount]
    /// At most `Limits.mounts`; all in one message of at most `Limits.requestPayload` bytes.
    public var files: [InlineFile]
    /// Its own, the guest's, or another container's.
    public var namespaces: Namespaces
    /// Empty: unchanged. Only with a host name namespace of its own.
    public var hostname: String
    /// Empty: unchanged.
    public var domainName: String
    /// Absolute paths that show as empty; those that are missing are passed over.
    public var maskedPaths: [String]
    /// Absolute paths that cannot be written; those that are missing are passed over.
    public var readOnlyPaths: [String]
    /// Written before the root is entered, in this order.
    public var systemControls: [SystemControl]
    /// Of its control group.
    public var limits: ResourceLimits
    /// Its first process.
    public var process: ProcessSpecification
    /// Made before its first process begins; only with a network namespace of its own, and gone with that.
    public var interfaces: [NetworkInterface] = []
    /// Its user namespace: that of the container whose network it joins, else one of its own.
    public var userMappings = UserMappings()

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        root: RootFileSystem, mounts: [Mount] = [], files: [InlineFile] = [], namespaces: Namespaces = Namespaces(),
        hostname: String = "", domainName: String = "", maskedPaths: [String] = [], readOnlyPaths: [String] = [],
        systemControls: [SystemControl] = [], limits: ResourceLimits = ResourceLimits(), process: ProcessSpecification
    ) {
        self.root = root
        self.mounts = mounts
        self.files = files
        self.namespaces = namespaces
        self.hostname = hostname
        self.domainName = domainName
        self.maskedPaths = maskedPaths
        self.readOnlyPaths = readOnlyPaths
        self.systemControls = systemControls
        self.limits = limits
        self.process = process
    }
}
