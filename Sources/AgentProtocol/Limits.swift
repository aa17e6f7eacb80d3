import Geometry

/// Numbers that host and agent agree on.
public enum Limits {
    /// The first four bytes of a Hello's payload: "CZAG".
    public static let magic: UInt32 = 0x4741_5A43
    /// Both sides must have the same: they are built from the same sources and shipped together.
    public static let version: UInt16 = 2
    /// The host port (vsock, context id 2) that the agent connects to for its control connection.
    public static let controlPort: UInt32 = 1024
    /// The greatest payload of a frame of the agent's, in bytes.
    public static let payload = 1 << 20
    /// The greatest payload of a frame of the host's, in bytes: a specification whose arguments and variables are as
    /// many as Linux takes.
    public static let requestPayload = 8 << 20
    /// A file system path, in bytes, without the terminating zero (PATH_MAX − 1).
    public static let path = 4095
    /// One argument or environment entry, in bytes (the kernel's MAX_ARG_STRLEN − 1).
    public static let argument = 131_071
    /// Arguments, and environment entries, of one process together with their zeros, in bytes: what execve(2) takes at
    /// most, three quarters of 8 MiB (fs/exec.c, `bprm_stack_limits`). It takes less where RLIMIT_STACK is lower, and says so.
    public static let argumentBytes = 6 << 20
    /// A name: a host name, a file system type, a sysctl.
    public static let name = 255
    /// Mount options, a sysctl's value, the text of a failure.
    public static let text = 4096
    /// Mounts, masked paths, read-only paths, sysctls, inline files: each.
    public static let mounts = 512
    /// Layers of a root file system.
    public static let layers = 128
    /// Ranges of user or group numbers (the kernel allows 340).
    public static let idMappings = 64
    /// Supplementary groups of a process (the kernel allows 65536).
    public static let groups = 1024
    /// The number of RLIMIT_… resources that Linux has.
    public static let resourceLimits = 16
    /// Instructions of a seccomp filter (the kernel's BPF_MAXINSNS), 8 bytes each.
    public static let filterInstructions = 4096
    /// Zones of a VM: the NUMA nodes beside node 0.
    public static let zones = ZoneGeometry.maxZoneCount
    /// Relayed connections of a container, those that wait for one too.
    public static let relays = 512
    /// Containers of a VM, those without a zone too.
    public static let containers = 256
    /// Processes in a list of them.
    public static let processes = 65_536
    /// The highest number of a process (PID_MAX_LIMIT of Linux).
    public static let processID = 4_194_304
    /// Entropy bytes in one message.
    public static let entropy = 512
    /// Images that come into a restored VM.
    public static let images = 32
    /// Step timings in one reply.
    public static let timings = 64
    /// The contents of a file that the host puts into a container.
    public static let fileContents = 512 << 10
}
