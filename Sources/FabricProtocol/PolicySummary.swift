import AgentProtocol
import ControlProtocol

/// A policy as `czone-fabric` has read it, for clients that start containers: they have no reader of YAML.
public struct PolicySummary: Equatable, Sendable {
    /// The most values of a list.
    static let maxValues = 256

    /// A service that it allows.
    public struct Service: Equatable, Sendable {
        public var name: String
        public var regions: [String]
        public var buckets: [String]
        /// Nil: the provider's own.
        public var endpoint: String?

        public init(name: String, regions: [String], buckets: [String], endpoint: String?) {
            self.name = name
            self.regions = regions
            self.buckets = buckets
            self.endpoint = endpoint
        }
    }

    public var name: String
    /// What says it.
    public var text: String
    /// `*`: everybody.
    public var tenants: [String] = []
    public var services: [Service] = []
    /// The file of the keys; nil: they are variables.
    public var keyFile: String?
    /// What a container's environment gets, NAME=value each.
    public var environment: [String] = []
    /// Of the container's loopback.
    public var port: UInt16 = 0
    public var maxConnections: UInt32 = 0
    public var timeoutInMilliseconds: UInt64 = 0

    public init(name: String, text: String) {
        self.name = name
        self.text = text
    }

    public func allows(tenant: String) -> Bool { tenants.contains(tenant) || tenants.contains("*") }

    func encode(into encoder: inout MessageEncoder) {
        encoder.text(name, "policy", atMost: ControlLimits.name)
        encoder.text(text, "policy's text", atMost: FabricAttachment.maxPolicyBytes)
        encoder.words(tenants, "tenants")
        encoder.list(services, "services", atMost: Self.maxValues) { encoder, service in
            encoder.text(service.name, "service", atMost: ControlLimits.name)
            encoder.words(service.regions, "regions")
            encoder.words(service.buckets, "buckets")
            encoder.optional(service.endpoint) { $0.text($1, "endpoint", atMost: ControlLimits.text) }
        }
        encoder.optional(keyFile) { $0.text($1, "key file", atMost: ControlLimits.text) }
        encoder.words(environment, "environment")
        encoder.integer(port)
        encoder.integer(maxConnections)
        encoder.integer(timeoutInMilliseconds)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        name = try decoder.text("policy", atMost: ControlLimits.name)
        text = try decoder.text("policy's text", atMost: FabricAttachment.maxPolicyBytes)
        tenants = try decoder.words("tenants")
        services = try decoder.list("services", atMost: Self.maxValues) { decoder throws(ProtocolError) in
            Service(
                name: try decoder.text("service", atMost: ControlLimits.name), regions: try decoder.words("regions"),
                buckets: try decoder.words("buckets"),
                endpoint: try decoder.optional("endpoint") { d throws(ProtocolError) in
                    try d.text("endpoint", atMost: ControlLimits.text)
                })
        }
        keyFile = try decoder.optional("key file") { d throws(ProtocolError) in
            try d.text("key file", atMost: ControlLimits.text)
        }
        environment = try decoder.words("environment")
        port = try decoder.integer()
        maxConnections = try decoder.integer()
        timeoutInMilliseconds = try decoder.integer()
    }
}

extension MessageEncoder {
    fileprivate mutating func words(_ words: [String], _ field: StaticString) {
        list(words, field, atMost: PolicySummary.maxValues) { $0.text($1, field, atMost: ControlLimits.text) }
    }
}

extension MessageDecoder {
    fileprivate mutating func words(_ field: StaticString) throws(ProtocolError) -> [String] {
        try list(field, atMost: PolicySummary.maxValues) { decoder throws(ProtocolError) in
            try decoder.text(field, atMost: ControlLimits.text)
        }
    }
}
