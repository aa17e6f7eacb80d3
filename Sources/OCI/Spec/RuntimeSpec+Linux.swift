extension RuntimeSpec {
    /// config-linux.md.
    public struct Linux: Codable, Hashable, Sendable {
        /// Those that are not the runtime's own; each kind at most once.
        public var namespaces: [Namespace]?
        /// Of a new user namespace: users.
        public var uidMappings: [IDMapping]?
        /// Of a new user namespace: groups.
        public var gidMappings: [IDMapping]?
        /// Of a new time namespace, by the clock's name: `monotonic`, `boottime`.
        public var timeOffsets: [String: TimeOffset]?
        /// Device nodes beside those that every container has.
        public var devices: [Device]?
        /// Where its control group is: a path, or `slice:prefix:name` for systemd.
        public var cgroupsPath: String?
        /// What it may use.
        public var resources: Resources?
        /// `shared`, `slave`, `private` or `unbindable`.
        public var rootfsPropagation: String?
        /// Which system calls it may make.
        public var seccomp: Seccomp?
        /// Values below /proc/sys, by dotted names.
        public var sysctl: [String: String]?
        /// Absolute paths that nothing of can be read.
        public var maskedPaths: [String]?
        /// Absolute paths that nothing of can be written.
        public var readonlyPaths: [String]?
        /// Of SELinux, for its mounts.
        public var mountLabel: String?
        /// Shares of cache and memory bandwidth.
        public var intelRdt: IntelRdt?
        /// What kind of system programs see (personality(2)).
        public var personality: Personality?

        /// Nothing is asked for.
        public init() {}
    }

    /// `type` is pid, network, mount, ipc, uts, user, cgroup or time; without a `path` the container gets its own.
    public struct Namespace: Codable, Hashable, Sendable {
        /// pid, network, mount, ipc, uts, user, cgroup or time.
        public var type: String
        /// The file of one that there is; nil: a new one.
        public var path: String?

        public init(type: String, path: String? = nil) {
            self.type = type
            self.path = path
        }
    }

    /// How far a clock is from the host's.
    public struct TimeOffset: Codable, Hashable, Sendable {
        /// Whole seconds.
        public var secs: Int64?
        /// Nanoseconds beside them.
        public var nanosecs: UInt32?
    }

    /// `type` is c, b, u or p.
    public struct Device: Codable, Hashable, Sendable {
        /// c, b, u (as c) or p.
        public var type: String
        /// Absolute, in the container.
        public var path: String
        /// Its major number; of a p none.
        public var major: Int64?
        /// Its minor number; of a p none.
        public var minor: Int64?
        /// Its mode; nil: 0666.
        public var fileMode: UInt32?
        /// Its owner; nil: 0.
        public var uid: UInt32?
        /// Its group; nil: 0.
        public var gid: UInt32?
    }

    /// config-linux.md, "Seccomp".
    public struct Seccomp: Codable, Hashable, Sendable {
        /// What becomes of a call that no rule is for: `SCMP_ACT_ERRNO`.
        public var defaultAction: String
        /// The error number of that; nil: EPERM.
        public var defaultErrnoRet: UInt32?
        /// Those whose calls are allowed beside the native ones: `SCMP_ARCH_X86`.
        public var architectures: [String]?
        /// Of seccomp(2): `SECCOMP_FILTER_FLAG_LOG`.
        public var flags: [String]?
        /// The socket of an agent for `SCMP_ACT_NOTIFY`.
        public var listenerPath: String?
        /// What that agent receives.
        public var listenerMetadata: String?
        /// The first rule that fits decides.
        public var syscalls: [SyscallRule]?

        public init(
            defaultAction: String, defaultErrnoRet: UInt32? = nil, architectures: [String]? = nil,
            syscalls: [SyscallRule]? = nil
        ) {
            self.defaultAction = defaultAction
            self.defaultErrnoRet = defaultErrnoRet
            self.architectures = architectures
            self.syscalls = syscalls
        }
    }

    /// What becomes of some system calls.
    public struct SyscallRule: Codable, Hashable, Sendable {
        /// Their names; those that are not known are left out.
        public var names: [String]
        /// As `Seccomp.defaultAction`.
        public var action: String
        /// The error number, where the action is one; nil: EPERM.
        public var errnoRet: UInt32?
        /// All of them hold; nil: whatever the arguments.
        public var args: [SyscallArgument]?

        public init(names: [String], action: String, errnoRet: UInt32? = nil, args: [SyscallArgument]? = nil) {
            self.names = names
            self.action = action
            self.errnoRet = errnoRet
            self.args = args
        }
    }

    /// `op` is SCMP_CMP_NE, _LT, _LE, _EQ, _GE, _GT or _MASKED_EQ (with the mask in `value`, what it must equal in `valueTwo`).
    public struct SyscallArgument: Codable, Hashable, Sendable {
        /// Which argument, 0 to 5.
        public var index: UInt32
        /// What it is compared with.
        public var value: UInt64
        /// Of _MASKED_EQ: what the masked argument must be.
        public var valueTwo: UInt64?
        /// How it is compared.
        public var op: String

        public init(index: UInt32, value: UInt64, valueTwo: UInt64? = nil, op: String) {
            self.index = index
            self.value = value
            self.valueTwo = valueTwo
            self.op = op
        }
    }

    /// config-linux.md, "IntelRdt".
    public struct IntelRdt: Codable, Hashable, Sendable {
        /// The class of service.
        public var closID: String?
        /// Its part of the cache.
        public var l3CacheSchema: String?
        /// Its part of the memory's bandwidth.
        public var memBwSchema: String?
        /// Watch what it has of the cache.
        public var enableCMT: Bool?
        /// Watch what it takes of the bandwidth.
        public var enableMBM: Bool?
    }

    /// config-linux.md, "Personality".
    public struct Personality: Codable, Hashable, Sendable {
        /// `LINUX` or `LINUX32`.
        public var domain: String
        /// None is defined.
        public var flags: [String]?
    }
}
