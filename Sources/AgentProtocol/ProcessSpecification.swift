/// The five capability sets of OCI's `process.capabilities`, bit n standing for capability n.
public struct CapabilitySets: Equatable, Sendable {
    /// What a program may ever get.
    public var bounding: UInt64
    /// What is in force.
    public var effective: UInt64
    /// What may be put in force.
    public var permitted: UInt64
    /// What a program with inheritable file capabilities keeps.
    public var inheritable: UInt64
    /// What any program keeps; must be permitted and inheritable.
    public var ambient: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(bounding: UInt64, effective: UInt64, permitted: UInt64, inheritable: UInt64, ambient: UInt64) {
        self.bounding = bounding
        self.effective = effective
        self.permitted = permitted
        self.inheritable = inheritable
        self.ambient = ambient
    }

    /// Five empty sets.
    public static let none = CapabilitySets(bounding: 0, effective: 0, permitted: 0, inheritable: 0, ambient: 0)
}

/// A limit as setrlimit(2) takes it; `UInt64.max` is no limit.
public struct ResourceLimit: Equatable, Sendable {
    /// An RLIMIT_… number of x86-64 Linux.
    public var resource: UInt32
    /// What is in force; at most `hard`.
    public var soft: UInt64
    /// What the process may raise it to.
    public var hard: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(resource: UInt32, soft: UInt64, hard: UInt64) {
        self.resource = resource
        self.soft = soft
        self.hard = hard
    }
}

/// A compiled seccomp profile.
public struct SeccompFilter: Equatable, Sendable {
    /// SECCOMP_FILTER_FLAG_… for seccomp(2); LOG and SPEC_ALLOW make sense.
    public var flags: UInt32
    /// `struct sock_filter`s, 8 bytes each, as the kernel takes them.
    public var program: [UInt8]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(flags: UInt32, program: [UInt8]) {
        self.flags = flags
        self.program = program
    }
}

/// A terminal's size in characters.
public struct WindowSize: Equatable, Sendable {
    /// Lines.
    public var rows: UInt16
    /// Characters in a line.
    public var columns: UInt16

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(rows: UInt16, columns: UInt16) {
        self.rows = rows
        self.columns = columns
    }
}

/// Where a process's standard streams go: vsock ports of the host that the agent connects to, one connection for each;
/// 0 is /dev/null. The host must listen before it sends the request. With a terminal, `input` and `output` are its two
/// directions and `error` is 0.
///
/// The end of the host's writing on `input` (or `CloseInput`) closes the process's standard input. The agent closes an
/// output connection when everything was sent and no process holds the other end any more, which may be before or after
/// `Exited`.
public struct StandardStreams: Equatable, Sendable {
    /// The port of standard input.
    public var input: UInt32
    /// The port of standard output.
    public var output: UInt32
    /// The port of standard error.
    public var error: UInt32

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(input: UInt32 = 0, output: UInt32 = 0, error: UInt32 = 0) {
        self.input = input
        self.output = output
        self.error = error
    }
}

/// OCI's `process`. Not honoured, to be refused by name by the host: `apparmorProfile`, `selinuxLabel`, `ioPriority`,
/// `scheduler`, `execCPUAffinity`, and `commandLine`.
public struct ProcessSpecification: Equatable, Sendable {
    /// At least one. The first is looked up in the container: as a path if it has a slash, else in the PATH of
    /// `environment`.
    public var arguments: CStringList
    /// "NAME=VALUE" each; all together at most `Limits.argumentBytes`, each at most `Limits.argument`.
    public var environment: CStringList
    /// Absolute. Made if it is missing for a container's first process, an error for another.
    public var workingDirectory: CString
    /// In the guest's numbers, as all ids here.
    public var userID: UInt32
    /// The primary group.
    public var groupID: UInt32
    /// At most `Limits.groups`.
    public var additionalGroups: [UInt32]
    /// nil: 0o022.
    public var umask: UInt32?
    /// After it has become its user.
    public var capabilities: CapabilitySets
    /// At most `Limits.resourceLimits`; those not named stay the agent's.
    public var resourceLimits: [ResourceLimit]
    /// Whether set-user-ID programs and file capabilities give nothing (prctl(2), PR_SET_NO_NEW_PRIVS).
    public var noNewPrivileges: Bool
    /// nil: no filter. In force from right before the program's execution.
    public var seccomp: SeccompFilter?
    /// /proc/PID/oom_score_adj: −1000 to 1000.
    public var oomScoreAdjustment: Int32
    /// A terminal of this size, or pipes.
    public var terminal: WindowSize?
    /// Where its standard streams go.
    public var streams: StandardStreams

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        arguments: CStringList, environment: CStringList = [], workingDirectory: CString = "/",
        userID: UInt32 = 0, groupID: UInt32 = 0, additionalGroups: [UInt32] = [], umask: UInt32? = nil,
        capabilities: CapabilitySets = .none, resourceLimits: [ResourceLimit] = [], noNewPrivileges: Bool = true,
        seccomp: SeccompFilter? = nil, oomScoreAdjustment: Int32 = 0, terminal: WindowSize? = nil,
        streams: StandardStreams = StandardStreams()
    ) {
        self.arguments = arguments
        self.environment = environment
        self.workingDirectory = workingDirectory
        self.userID = userID
        self.groupID = groupID
        self.additionalGroups = additionalGroups
        self.umask = umask
        self.capabilities = capabilities
        self.resourceLimits = resourceLimits
        self.noNewPrivileges = noNewPrivileges
        self.seccomp = seccomp
        self.oomScoreAdjustment = oomScoreAdjustment
        self.terminal = terminal
        self.streams = streams
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.strings(arguments, "arguments")
        encoder.strings(environment, "environment")
        encoder.string(workingDirectory, "working directory", atMost: Limits.path)
        encoder.integer(userID)
        encoder.integer(groupID)
        encoder.list(additionalGroups, "additional groups", atMost: Limits.groups) { $0.integer($1) }
        encoder.optional(umask) { $0.integer($1) }
        capabilities.encode(into: &encoder)
        encoder.list(resourceLimits, "resource limits", atMost: Limits.resourceLimits) { encoder, limit in
            encoder.integer(limit.resource)
            encoder.integer(limit.soft)
            encoder.integer(limit.hard)
        }
        encoder.flag(noNewPrivileges)
        encoder.optional(seccomp) { encoder, filter in
            encoder.integer(filter.flags)
            encoder.blob(filter.program, "seccomp filter", atMost: Limits.filterInstructions * 8)
        }
        encoder.integer(oomScoreAdjustment)
        encoder.optional(terminal) { $1.encode(into: &$0) }
        encoder.integer(streams.input)
        encoder.integer(streams.output)
        encoder.integer(streams.error)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        arguments = try decoder.strings("arguments")
        environment = try decoder.strings("environment")
        workingDirectory = try decoder.string("working directory", atMost: Limits.path)
        userID = try decoder.integer()
        groupID = try decoder.integer()
        additionalGroups = try decoder.list("additional groups", atMost: Limits.groups) {
            d throws(ProtocolError) in try d.integer()
        }
        umask = try decoder.optional("umask") { d throws(ProtocolError) in try d.integer() }
        capabilities = try CapabilitySets(decoding: &decoder)
        resourceLimits = try decoder.list("resource limits", atMost: Limits.resourceLimits) {
            d throws(ProtocolError) in
            ResourceLimit(resource: try d.integer(), soft: try d.integer(), hard: try d.integer())
        }
        noNewPrivileges = try decoder.flag("no new privileges")
        seccomp = try decoder.optional("seccomp filter") { d throws(ProtocolError) in
            SeccompFilter(
                flags: try d.integer(),
                program: try d.blob("seccomp filter", atMost: Limits.filterInstructions * 8))
        }
        oomScoreAdjustment = try decoder.integer()
        terminal = try decoder.optional("terminal") { d throws(ProtocolError) in try WindowSize(decoding: &d) }
        streams = StandardStreams(
            input: try decoder.integer(), output: try decoder.integer(), error: try decoder.integer())
    }
}

extension CapabilitySets {
    func encode(into encoder: inout MessageEncoder) {
        encoder.integer(bounding)
        encoder.integer(effective)
        encoder.integer(permitted)
        encoder.integer(inheritable)
        encoder.integer(ambient)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        bounding = try decoder.integer()
        effective = try decoder.integer()
        permitted = try decoder.integer()
        inheritable = try decoder.integer()
        ambient = try decoder.integer()
    }
}

extension WindowSize {
    func encode(into encoder: inout MessageEncoder) {
        encoder.integer(rows)
        encoder.integer(columns)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        rows = try decoder.integer()
        columns = try decoder.integer()
    }
}
