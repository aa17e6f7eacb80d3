extension RuntimeSpec {
    /// config.md, "Process" and "POSIX process".
    public struct Process: Codable, Hashable, Sendable {
        /// Whether its streams are a terminal; nil: they are not.
        public var terminal: Bool?
        /// Of its terminal.
        public var consoleSize: ConsoleSize?
        /// The user and groups that it runs as.
        public var user: User
        /// With the program's name first; at least one.
        public var args: [String]?
        /// Of Windows.
        public var commandLine: String?
        /// As NAME=VALUE.
        public var env: [String]?
        /// Absolute, in the container.
        public var cwd: String
        /// Its sets; nil: none.
        public var capabilities: Capabilities?
        /// Each kind at most once.
        public var rlimits: [ResourceLimit]?
        /// Whether executing gives it no further privileges (prctl(2)).
        public var noNewPrivileges: Bool?
        /// Of AppArmor.
        public var apparmorProfile: String?
        /// -1,000 to 1,000 (proc(5)); nil: the runtime's own.
        public var oomScoreAdj: Int?
        /// Of SELinux.
        public var selinuxLabel: String?
        /// As sched_setattr(2) takes it.
        public var scheduler: Scheduler?
        /// As ioprio_set(2) takes it.
        public var ioPriority: IOPriority?
        /// Processors for a process that joins the container.
        public var execCPUAffinity: CPUAffinity?

        public init(user: User = User(), args: [String], env: [String] = [], cwd: String = "/") {
            self.user = user
            self.args = args
            self.env = env
            self.cwd = cwd
        }

        /// Decodes a process alone, as an exec request carries it.
        public init(json bytes: [UInt8]) throws(OCIError) {
            self = try JSON.decode(Process.self, from: bytes, what: "the process")
        }
    }

    /// In characters.
    public struct ConsoleSize: Codable, Hashable, Sendable {
        /// Lines.
        public var height: UInt32
        /// Columns.
        public var width: UInt32

        public init(height: UInt32, width: UInt32) {
            self.height = height
            self.width = width
        }
    }

    /// config.md, "POSIX-platform User".
    public struct User: Codable, Hashable, Sendable {
        /// The user.
        public var uid: UInt32
        /// The main group.
        public var gid: UInt32
        /// Of files that it makes; nil: the runtime's own.
        public var umask: UInt32?
        /// Further groups.
        public var additionalGids: [UInt32]?
        /// Of Windows.
        public var username: String?

        public init(uid: UInt32 = 0, gid: UInt32 = 0, additionalGids: [UInt32]? = nil) {
            self.uid = uid
            self.gid = gid
            self.additionalGids = additionalGids
        }

        public init(from decoder: any Decoder) throws {
            let values = try decoder.container(keyedBy: CodingKeys.self)
            // Go's encoder leaves out what is zero where the field says `omitempty`.
            uid = try values.decodeIfPresent(UInt32.self, forKey: .uid) ?? 0
            gid = try values.decodeIfPresent(UInt32.self, forKey: .gid) ?? 0
            umask = try values.decodeIfPresent(UInt32.self, forKey: .umask)
            additionalGids = try values.decodeIfPresent([UInt32].self, forKey: .additionalGids)
            username = try values.decodeIfPresent(String.self, forKey: .username)
        }
    }

    /// Names as capabilities(7) spells them: `CAP_CHOWN`.
    public struct Capabilities: Codable, Hashable, Sendable {
        /// What executing can give at most.
        public var bounding: [String]?
        /// What counts.
        public var effective: [String]?
        /// What stays across executing, where the file has it too.
        public var inheritable: [String]?
        /// What it may make effective.
        public var permitted: [String]?
        /// What stays across executing.
        public var ambient: [String]?

        public init(
            bounding: [String]? = nil, effective: [String]? = nil, inheritable: [String]? = nil,
            permitted: [String]? = nil,
            ambient: [String]? = nil
        ) {
            self.bounding = bounding
            self.effective = effective
            self.inheritable = inheritable
            self.permitted = permitted
            self.ambient = ambient
        }
    }

    /// `type` as setrlimit(2) spells it: `RLIMIT_NOFILE`.
    public struct ResourceLimit: Codable, Hashable, Sendable {
        /// `RLIMIT_…`.
        public var type: String
        /// What the process may raise the other to; its unit is the kind's.
        public var hard: UInt64
        /// What holds.
        public var soft: UInt64

        public init(type: String, hard: UInt64, soft: UInt64) {
            self.type = type
            self.hard = hard
            self.soft = soft
        }
    }

    /// config.md, "Linux Process", as sched_setattr(2) has it.
    public struct Scheduler: Codable, Hashable, Sendable {
        /// `SCHED_OTHER`, `SCHED_FIFO` and so on.
        public var policy: String
        /// -20 to 19.
        public var nice: Int32?
        /// Of real-time policies, 1 to 99.
        public var priority: Int32?
        /// `SCHED_FLAG_…`.
        public var flags: [String]?
        /// Of SCHED_DEADLINE, in nanoseconds.
        public var runtime: UInt64?
        /// Of SCHED_DEADLINE, in nanoseconds.
        public var deadline: UInt64?
        /// Of SCHED_DEADLINE, in nanoseconds.
        public var period: UInt64?
    }

    /// config.md, "Linux Process", as ioprio_set(2) has it.
    public struct IOPriority: Codable, Hashable, Sendable {
        /// `IOPRIO_CLASS_RT`, `_BE` or `_IDLE`.
        public var `class`: String
        /// 0, which comes first, to 7.
        public var priority: Int
    }

    /// config.md, "Linux Process": processors as cpuset(7) lists them.
    public struct CPUAffinity: Codable, Hashable, Sendable {
        /// Until it is in the container's group.
        public var initial: String?
        /// From then on.
        public var final: String?
    }
}
