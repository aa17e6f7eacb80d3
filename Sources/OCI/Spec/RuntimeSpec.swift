/// A container's `config.json` (OCI runtime spec 1.2, config.md and config-linux.md), with every field that a Linux
/// container can carry, so that the runtime can refuse by name what it does not honour.
///
/// Properties that the spec does not know are ignored, as the spec demands ("Extensibility").
public struct RuntimeSpec: Codable, Hashable, Sendable {
    public var ociVersion: String
    public var process: Process?
    public var root: Root?
    public var hostname: String?
    public var domainname: String?
    public var mounts: [Mount]?
    public var hooks: Hooks?
    public var annotations: [String: String]?
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
        public var path: String
        public var readonly: Bool?

        public init(path: String, readonly: Bool? = nil) {
            self.path = path
            self.readonly = readonly
        }
    }

    /// config.md, "Mounts".
    public struct Mount: Codable, Hashable, Sendable {
        public var destination: String
        public var type: String?
        public var source: String?
        public var options: [String]?
        public var uidMappings: [IDMapping]?
        public var gidMappings: [IDMapping]?

        public init(destination: String, type: String? = nil, source: String? = nil, options: [String]? = nil) {
            self.destination = destination
            self.type = type
            self.source = source
            self.options = options
        }
    }

    /// config.md, "POSIX-platform Hooks".
    public struct Hooks: Codable, Hashable, Sendable {
        public var prestart: [Hook]?
        public var createRuntime: [Hook]?
        public var createContainer: [Hook]?
        public var startContainer: [Hook]?
        public var poststart: [Hook]?
        public var poststop: [Hook]?
    }

    public struct Hook: Codable, Hashable, Sendable {
        public var path: String
        public var args: [String]?
        public var env: [String]?
        /// In seconds.
        public var timeout: Int?
    }

    /// config-linux.md, "User namespace mappings".
    public struct IDMapping: Codable, Hashable, Sendable {
        public var containerID: UInt32
        public var hostID: UInt32
        public var size: UInt32
    }
}
