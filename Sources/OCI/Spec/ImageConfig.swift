import LinuxSystem

/// An image's configuration document (OCI image spec 1.1, config.md): what its digest names is the whole image, as the
/// document lists the digest of every layer.
public struct ImageConfiguration: Codable, Hashable, Sendable {
    /// When, as RFC 3339 has it.
    public var created: String?
    /// As Go names it: `amd64`; nil or empty where the maker did not say.
    public var architecture: String?
    /// As Go names it: `linux`; nil or empty where the maker did not say.
    public var os: String?
    /// Of the architecture: `v8`.
    public var variant: String?
    /// How it is run, where nothing else is said.
    public var config: ImageConfig?
    /// Its layers.
    public var rootfs: RootFileSystem

    /// What the layers are (config.md, "rootfs").
    public struct RootFileSystem: Codable, Hashable, Sendable {
        /// `layers`, or nil or empty, which means it.
        public var type: String?
        /// The digest of each uncompressed layer, the lowest first; nil for none.
        public var diffIDs: [Digest]?

        enum CodingKeys: String, CodingKey {
            case type
            case diffIDs = "diff_ids"
        }
    }

    /// The digest of each uncompressed layer, the lowest first.
    var diffIDs: [Digest] { rootfs.diffIDs ?? [] }

    var platform: Platform { Platform(architecture: architecture ?? "", os: os ?? "", variant: variant) }
}

/// How a container of the image is run (OCI image spec 1.1, config.md, "config").
public struct ImageConfig: Codable, Hashable, Sendable {
    /// What every command line begins with.
    public var entrypoint: [String]?
    /// What follows it where nothing else is asked for.
    public var cmd: [String]?
    /// `NAME=value` each.
    public var env: [String]?
    /// Where it starts; nil or empty: the root.
    public var workingDir: String?
    /// `user`, `uid`, `user:group`, `uid:gid`, `uid:group` or `user:gid`.
    public var user: String?
    /// `port/protocol`, `port` for TCP.
    public var exposedPorts: [String]?
    /// Paths that are to outlive a container.
    public var volumes: [String]?
    /// What the maker says beside it.
    public var labels: [String: String]?
    /// A signal's name (`SIGTERM`) or number.
    public var stopSignal: String?

    public init(
        entrypoint: [String]? = nil, cmd: [String]? = nil, env: [String]? = nil, workingDir: String? = nil,
        user: String? = nil
    ) {
        self.entrypoint = entrypoint
        self.cmd = cmd
        self.env = env
        self.workingDir = workingDir
        self.user = user
    }

    /// What a directory without a configuration runs: a shell, as root.
    public static let ofPlainDirectory = ImageConfig(cmd: ["/bin/sh"], env: ["PATH=\(defaultPath)"], workingDir: "/")

    /// The search path of a container whose image sets none.
    public static let defaultPath = defaultSearchPath

    /// The command line: the image's entry point followed by `arguments`, or by the image's own when there are none.
    public func commandLine(arguments: [String] = []) -> [String] {
        (entrypoint ?? []) + (arguments.isEmpty ? cmd ?? [] : arguments)
    }

    enum CodingKeys: String, CodingKey {
        case entrypoint = "Entrypoint"
        case cmd = "Cmd"
        case env = "Env"
        case workingDir = "WorkingDir"
        case user = "User"
        case exposedPorts = "ExposedPorts"
        case volumes = "Volumes"
        case labels = "Labels"
        case stopSignal = "StopSignal"
    }

    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        entrypoint = try values.decodeIfPresent(TextList.self, forKey: .entrypoint)?.texts
        cmd = try values.decodeIfPresent(TextList.self, forKey: .cmd)?.texts
        env = try values.decodeIfPresent(TextList.self, forKey: .env)?.texts
        workingDir = try values.decodeIfPresent(String.self, forKey: .workingDir)
        user = try values.decodeIfPresent(String.self, forKey: .user)
        exposedPorts = try values.decodeIfPresent(NameSet.self, forKey: .exposedPorts)?.names
        volumes = try values.decodeIfPresent(NameSet.self, forKey: .volumes)?.names
        // Go reads null as an empty text.
        labels = try values.decodeIfPresent([String: String?].self, forKey: .labels)?.mapValues { $0 ?? "" }
        stopSignal = try values.decodeIfPresent(String.self, forKey: .stopSignal)
    }

    public func encode(to encoder: any Encoder) throws {
        var values = encoder.container(keyedBy: CodingKeys.self)
        try values.encodeIfPresent(entrypoint, forKey: .entrypoint)
        try values.encodeIfPresent(cmd, forKey: .cmd)
        try values.encodeIfPresent(env, forKey: .env)
        try values.encodeIfPresent(workingDir, forKey: .workingDir)
        try values.encodeIfPresent(user, forKey: .user)
        try values.encodeIfPresent(exposedPorts.map(NameSet.init), forKey: .exposedPorts)
        try values.encodeIfPresent(volumes.map(NameSet.init), forKey: .volumes)
        try values.encodeIfPresent(labels, forKey: .labels)
        try values.encodeIfPresent(stopSignal, forKey: .stopSignal)
    }
}

/// A list of texts, of which null is an empty one. Docker writes a single text where there is one argument, too.
private struct TextList: Decodable {
    var texts: [String]

    init(from decoder: any Decoder) throws {
        let container = try decoder.singleValueContainer()
        if let text = try? container.decode(String.self) {
            texts = [text]
        } else {
            texts = try container.decode([String?].self).map { $0 ?? "" }
        }
    }
}

/// Go's set of strings: an object whose keys are the members and whose values are empty objects.
private struct NameSet: Codable {
    private struct Nothing: Codable {}

    var names: [String]

    init(_ names: [String]) { self.names = names }

    init(from decoder: any Decoder) throws {
        names = try decoder.singleValueContainer().decode([String: Nothing?].self).keys.sorted()
    }

    func encode(to encoder: any Encoder) throws {
        var container = encoder.singleValueContainer()
        try container.encode(Dictionary(names.map { ($0, Nothing()) }, uniquingKeysWith: { first, _ in first }))
    }
}
