extension RuntimeSpec {
    /// config-linux.md.
    public struct Linux: Codable, Hashable, Sendable {
        public var namespaces: [Namespace]?
        public var uidMappings: [IDMapping]?
        public var gidMappings: [IDMapping]?
        public var timeOffsets: [String: TimeOffset]?
        public var devices: [Device]?
        public var cgroupsPath: String?
        public var resources: Resources?
        public var rootfsPropagation: String?
        public var seccomp: Seccomp?
        public var sysctl: [String: String]?
        public var maskedPaths: [String]?
        public var readonlyPaths: [String]?
        public var mountLabel: String?
        public var intelRdt: IntelRdt?
        public var personality: Personality?

        public init() {}
    }

    /// `type` is pid, network, mount, ipc, uts, user, cgroup or time; without a `path` the container gets its own.
    public struct Namespace: Codable, Hashable, Sendable {
        public var type: String
        public var path: String?

        public init(type: String, path: String? = nil) {
            self.type = type
            self.path = path
        }
    }

    public struct TimeOffset: Codable, Hashable, Sendable {
        public var secs: Int64?
        public var nanosecs: UInt32?
    }

    /// `type` is c, b, u or p.
    public struct Device: Codable, Hashable, Sendable {
        public var type: String
        public var path: String
        public var major: Int64?
        public var minor: Int64?
        public var fileMode: UInt32?
        public var uid: UInt32?
        public var gid: UInt32?
    }

    /// config-linux.md, "Seccomp".
    public struct Seccomp: Codable, Hashable, Sendable {
        public var defaultAction: String
        public var defaultErrnoRet: UInt32?
        public var architectures: [String]?
        public var flags: [String]?
        public var listenerPath: String?
        public var listenerMetadata: String?
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

    public struct SyscallRule: Codable, Hashable, Sendable {
        public var names: [String]
        public var action: String
        public var errnoRet: UInt32?
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
        public var index: UInt32
        public var value: UInt64
        public var valueTwo: UInt64?
        public var op: String

        public init(index: UInt32, value: UInt64, valueTwo: UInt64? = nil, op: String) {
            self.index = index
            self.value = value
            self.valueTwo = valueTwo
            self.op = op
        }
    }

    public struct IntelRdt: Codable, Hashable, Sendable {
        public var closID: String?
        public var l3CacheSchema: String?
        public var memBwSchema: String?
        public var enableCMT: Bool?
        public var enableMBM: Bool?
    }

    public struct Personality: Codable, Hashable, Sendable {
        public var domain: String
        public var flags: [String]?
    }
}
