/// A container's `config.json` (OCI runtime spec 1.2, config.md and config-linux.md), with every field that a Linux
/// container can carry, so that the runtime can refuse by name what it does not honour.
///
/// Properties that the spec does not know are ignored, as the spec demands ("Extensibility").
public struct RuntimeSpec: Codable, Hashable, Sendable {
    /// The version of the specification that it keeps to: `1.2.0`.
    public var ociVersion: String
    /// The first program; needed where the container is started.
    public var process: Process?
    /// Its root file system.
    public var root: Root?
    /// Its host name (uts namespace); nil: the one that there is.
    public var hostname: String?
    /// Its NIS domain name (uts namespace).
    public var domainname: String?
    /// What is mounted beside the root, in this order.
    public var mounts: [Mount]?
    /// Programs that the runtime runs at points of the container's life.
    public var hooks: Hooks?
    /// What callers say beside the specification, by reverse domain names.
    public var annotations: [String: String]?
    /// What only Linux has.
    public var linux: Linux?

    public init(ociVersion: String = "1.1.0") { self.ociVersion = ociVersion }

    /// Decodes a `config.json`; `path` names it in errors.
    public init(json bytes: [UInt8], path: String = "config.json") throws(OCIError) {
        self = try JSON.decode(RuntimeSpec.self, from: bytes, what: path)
    }

    /// The document as JSON, keys in stable order.
    public func json() throws(OCIError) -> [UInt8] { try JSON.encode(self, what: "config.json") }

    /// config.md, "Root".
    public struct Root: Codable, Hashable, Sendable {
        /// Absolute, or from the bundle on.
        public var path: String
        /// Whether nothing of it may be written; nil: it may.
        public var readonly: Bool?

        public init(path: String, readonly: Bool? = nil) {
            self.path = path
            self.readonly = readonly
        }
    }

    /// config.md, "Mounts".
    public struct Mount: Codable, Hashable, Sendable {
        /// The absolute path in the container.
        public var destination: String
        /// A file system's name; nil and `bind`: `source` is bound.
        public var type: String?
        /// A path on the host, a device, or a name without meaning.
        public var source: String?
        /// As mount(8) takes them, and those of the specification.
        public var options: [String]?
        /// Of an id-mapped mount: users.
        public var uidMappings: [IDMapping]?
        /// Of an id-mapped mount: groups.
        public var gidMappings: [IDMapping]?

        public init(destination: String, type: String? = nil, source: String? = nil, options: [String]? = nil) {
            self.destination = destination
            self.type = type
            self.source = source
            self.options = options
        }

        /// Whether it binds a file or directory of the host (config.md, "Linux mount options").
        public var isBind: Bool {
            type == "bind" || options?.contains("bind") == true || options?.contains("rbind") == true
        }
    }

    /// config.md, "POSIX-platform Hooks".
    public struct Hooks: Codable, Hashable, Sendable {
        /// In the runtime's namespaces, before the program starts (deprecated).
        public var prestart: [Hook]?
        /// In the runtime's namespaces, when the container's are there.
        public var createRuntime: [Hook]?
        /// In the container's namespaces, before its root is entered.
        public var createContainer: [Hook]?
        /// In the container's namespaces, before its program runs.
        public var startContainer: [Hook]?
        /// In the runtime's namespaces, when its program runs.
        public var poststart: [Hook]?
        /// In the runtime's namespaces, when the container is deleted.
        public var poststop: [Hook]?

        public init(
            prestart: [Hook]? = nil, createRuntime: [Hook]? = nil, createContainer: [Hook]? = nil,
            startContainer: [Hook]? = nil, poststart: [Hook]? = nil, poststop: [Hook]? = nil
        ) {
            self.prestart = prestart
            self.createRuntime = createRuntime
            self.createContainer = createContainer
            self.startContainer = startContainer
            self.poststart = poststart
            self.poststop = poststop
        }
    }

    /// A program, which gets the container's state on its standard input.
    public struct Hook: Codable, Hashable, Sendable {
        /// Absolute.
        public var path: String
        /// With the program's own name first.
        public var args: [String]?
        /// As NAME=VALUE.
        public var env: [String]?
        /// In seconds.
        public var timeout: Int?

        public init(path: String, args: [String]? = nil, env: [String]? = nil, timeout: Int? = nil) {
            self.path = path
            self.args = args
            self.env = env
            self.timeout = timeout
        }
    }

    /// config-linux.md, "User namespace mappings".
    public struct IDMapping: Codable, Hashable, Sendable {
        /// The first id in the container.
        public var containerID: UInt32
        /// The first id that it stands for.
        public var hostID: UInt32
        /// How many follow one another.
        public var size: UInt32

        public init(containerID: UInt32, hostID: UInt32, size: UInt32) {
            self.containerID = containerID
            self.hostID = hostID
            self.size = size
        }
    }
}
