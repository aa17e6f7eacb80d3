extension RuntimeSpec {
    /// config-linux.md, "Control groups".
    public struct Resources: Codable, Hashable, Sendable {
        /// Which devices may be opened: later rules override earlier ones.
        public var devices: [DeviceRule]?
        /// Limits of memory.
        public var memory: Memory?
        /// Shares and limits of processor time.
        public var cpu: CPU?
        /// How many processes there may be.
        public var pids: Pids?
        /// Weights and limits of block devices.
        public var blockIO: BlockIO?
        /// Limits of huge pages, one for each of their sizes.
        public var hugepageLimits: [HugepageLimit]?
        /// Classes and priorities of packets (cgroup v1).
        public var network: Network?
        /// Limits of RDMA, by the device's name.
        public var rdma: [String: RDMA]?
        /// Files of a cgroup v2, by name, and what is written to them.
        public var unified: [String: String]?

        /// No resource is limited.
        public init() {}

        /// Decodes resources alone, as an update carries them.
        public init(json bytes: [UInt8]) throws(OCIError) {
            self = try JSON.decode(Resources.self, from: bytes, what: "the resources")
        }
    }

    /// `type` is a (all), c or b; `access` any of r, w and m; no number means every number.
    public struct DeviceRule: Codable, Hashable, Sendable {
        /// Whether what the rule names may be used.
        public var allow: Bool
        /// a (all, also where it is nil), c or b.
        public var type: String?
        /// The device's major number; nil: every one.
        public var major: Int64?
        /// The device's minor number; nil: every one.
        public var minor: Int64?
        /// Any of r, w and m (mknod); nil: all three.
        public var access: String?

        public init(allow: Bool, type: String? = nil, major: Int64? = nil, minor: Int64? = nil, access: String? = nil) {
            self.allow = allow
            self.type = type
            self.major = major
            self.minor = minor
            self.access = access
        }
    }

    /// Limits in bytes; -1 means none.
    public struct Memory: Codable, Hashable, Sendable {
        /// The hard limit, in bytes; -1: none.
        public var limit: Int64?
        /// The soft limit, in bytes; -1: none.
        public var reservation: Int64?
        /// Memory and swap together, in bytes; -1: no limit.
        public var swap: Int64?
        /// Kernel memory, in bytes; kernels no longer have it.
        public var kernel: Int64?
        /// Buffers of TCP, in bytes (cgroup v1).
        public var kernelTCP: Int64?
        /// How readily anonymous memory is swapped, 0 to 100.
        public var swappiness: UInt64?
        /// Stall where the limit is reached, and kill nothing (cgroup v1).
        public var disableOOMKiller: Bool?
        /// Count the groups below too (cgroup v1).
        public var useHierarchy: Bool?
        /// Refuse a limit below what is in use.
        public var checkBeforeUpdate: Bool?

        public init(limit: Int64? = nil) { self.limit = limit }
    }

    /// Quota, periods and burst in microseconds.
    public struct CPU: Codable, Hashable, Sendable {
        /// The share beside other groups, 2 to 262,144; 1,024 is the usual one.
        public var shares: UInt64?
        /// Processor time in each period, in microseconds; -1: no limit.
        public var quota: Int64?
        /// Time of periods before that may be used in addition, in microseconds.
        public var burst: UInt64?
        /// The period of the quota, in microseconds: 1,000 to 1,000,000.
        public var period: UInt64?
        /// Time of real-time programs in each period, in microseconds.
        public var realtimeRuntime: Int64?
        /// The period of that, in microseconds.
        public var realtimePeriod: UInt64?
        /// Processors that it may run on, as cpuset(7) lists them: `0-2,7`.
        public var cpus: String?
        /// Memory nodes that it may use, as cpuset(7) lists them.
        public var mems: String?
        /// 1: it runs only where nothing else wants to; 0: as usual.
        public var idle: Int64?

        public init(quota: Int64? = nil, period: UInt64? = nil) {
            self.quota = quota
            self.period = period
        }
    }

    /// 0 and below: no limit.
    public struct Pids: Codable, Hashable, Sendable {
        /// The largest number of processes and threads; 0 and below: no limit.
        public var limit: Int64

        public init(limit: Int64) { self.limit = limit }
    }

    /// config-linux.md, "Block IO".
    public struct BlockIO: Codable, Hashable, Sendable {
        /// The share beside other groups, 10 to 1,000.
        public var weight: UInt16?
        /// The share of its own processes beside groups below it, 10 to 1,000 (cgroup v1).
        public var leafWeight: UInt16?
        /// Shares for single devices.
        public var weightDevice: [WeightDevice]?
        /// Limits of reading, in bytes per second.
        public var throttleReadBpsDevice: [ThrottleDevice]?
        /// Limits of writing, in bytes per second.
        public var throttleWriteBpsDevice: [ThrottleDevice]?
        /// Limits of reading, in requests per second.
        public var throttleReadIOPSDevice: [ThrottleDevice]?
        /// Limits of writing, in requests per second.
        public var throttleWriteIOPSDevice: [ThrottleDevice]?
    }

    /// A share of a block device.
    public struct WeightDevice: Codable, Hashable, Sendable {
        /// The device's major number.
        public var major: Int64
        /// The device's minor number.
        public var minor: Int64
        /// As `BlockIO.weight`.
        public var weight: UInt16?
        /// As `BlockIO.leafWeight`.
        public var leafWeight: UInt16?
    }

    /// A limit of a block device.
    public struct ThrottleDevice: Codable, Hashable, Sendable {
        /// The device's major number.
        public var major: Int64
        /// The device's minor number.
        public var minor: Int64
        /// Bytes or requests per second.
        public var rate: UInt64
    }

    /// config-linux.md, "Huge page limits".
    public struct HugepageLimit: Codable, Hashable, Sendable {
        /// The pages' size: `64KB`, `2MB` or `1GB`.
        public var pageSize: String
        /// In bytes.
        public var limit: UInt64
    }

    /// config-linux.md, "Network".
    public struct Network: Codable, Hashable, Sendable {
        /// What packets are tagged with, for tc(8).
        public var classID: UInt32?
        /// Priorities of packets, for each interface.
        public var priorities: [InterfacePriority]?
    }

    /// The priority of what leaves by an interface.
    public struct InterfacePriority: Codable, Hashable, Sendable {
        /// The interface's.
        public var name: String
        /// As SO_PRIORITY in socket(7).
        public var priority: UInt32
    }

    /// config-linux.md, "RDMA".
    public struct RDMA: Codable, Hashable, Sendable {
        /// The largest number of open handles.
        public var hcaHandles: UInt32?
        /// The largest number of objects.
        public var hcaObjects: UInt32?
    }
}
