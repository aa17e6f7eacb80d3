extension RuntimeSpec {
    /// config.md, "Process" and "POSIX process".
    public struct Process: Codable, Hashable, Sendable {
        public var terminal: Bool?
        public var consoleSize: ConsoleSize?
        public var user: User
        public var args: [String]?
        public var commandLine: String?
        public var env: [String]?
        public var cwd: String
        public var capabilities: Capabilities?
        public var rlimits: [ResourceLimit]?
        public var noNewPrivileges: Bool?
        public var apparmorProfile: String?
        public var oomScoreAdj: Int?
        public var selinuxLabel: String?
        public var scheduler: Scheduler?
        public var ioPriority: IOPriority?
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
        public var height: UInt32
        public var width: UInt32

        public init(height: UInt32, width: UInt32) {
            self.height = height
            self.width = width
        }
    }

    public struct User: Codable, Hashable, Sendable {
        public var uid: UInt32
        public var gid: UInt32
        public var umask: UInt32?
        public var additionalGids: [UInt32]?
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
        public var bounding: [String]?
        public var effective: [String]?
        public var inheritable: [String]?
        public var permitted: [String]?
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
        public var type: String
        public var hard: UInt64
        public var soft: UInt64

        public init(type: String, hard: UInt64, soft: UInt64) {
            self.type = type
            self.hard = hard
            self.soft = soft
        }
    }

    public struct Scheduler: Codable, Hashable, Sendable {
        public var policy: String
        public var nice: Int32?
        public var priority: Int32?
        public var flags: [String]?
        public var runtime: UInt64?
        public var deadline: UInt64?
        public var period: UInt64?
    }

    public struct IOPriority: Codable, Hashable, Sendable {
        public var `class`: String
        public var priority: Int
    }

    public struct CPUAffinity: Codable, Hashable, Sendable {
        public var initial: String?
        public var final: String?
    }
}
