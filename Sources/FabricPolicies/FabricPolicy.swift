/// What the containers of some tenants may reach through the fabric, with whose keys. Immutable.
public struct FabricPolicy: Equatable, Sendable {
    /// Where a service is.
    public struct Endpoint: Hashable, Sendable, CustomStringConvertible {
        /// Whether connections to it use TLS.
        public var isSecure: Bool
        /// A name, or an address in numbers without brackets.
        public var host: String
        public var port: UInt16

        public init(isSecure: Bool, host: String, port: UInt16) {
            self.isSecure = isSecure
            self.host = host
            self.port = port
        }

        /// As a `Host` header has it: the scheme's own port is left out.
        public var authority: String {
            let name = host.contains(":") ? "[\(host)]" : host
            return port == (isSecure ? 443 : 80) ? name : "\(name):\(port)"
        }

        public var description: String { "\(isSecure ? "https" : "http")://\(authority)" }
    }

    /// A service, and what of it.
    public struct Service: Equatable, Sendable {
        /// As it stands in a signature; `s3`.
        public var name = "s3"
        public var regions: [String] = []
        /// Names; `*` at the end stands for anything.
        public var buckets: [String] = []
        /// Nil: the provider's own of each region.
        public var endpoint: Endpoint?
        /// Addresses that its name may have besides the usual ones.
        public var addresses: [AddressRange] = []
        /// A PEM file of the authorities that its certificate may be of; nil: the host's.
        public var certificates: String?

        public init() {}

        /// Where it is in a region that `regions` names.
        public func endpoint(in region: String) -> Endpoint {
            guard var endpoint else {
                return Endpoint(isSecure: true, host: "\(name).\(region).amazonaws.com", port: 443)
            }
            endpoint.host = endpoint.host.replacing("{region}", with: region)
            return endpoint
        }

        public func allows(bucket: String) -> Bool {
            buckets.contains { pattern in
                pattern.hasSuffix("*") ? bucket.hasPrefix(pattern.dropLast()) : bucket == pattern
            }
        }

        /// Whether all buckets are within it, and so the list of them.
        public var allowsAllBuckets: Bool { buckets.contains("*") }

        /// Whether it may be at an address that its name was resolved to. One that the policy writes in numbers is meant.
        public func allows(_ address: IPAddress) -> Bool {
            if let named = endpoint.flatMap({ IPAddress($0.host) }) { return named == address }
            if addresses.contains(where: { $0.contains(address) }) { return true }
            let refused = AddressRange.hostOwn + (endpoint == nil ? AddressRange.operatorOwn : [])
            return ([address] + [address.embedded].compactMap { $0 }).allSatisfy { one in
                !refused.contains { $0.contains(one) }
            }
        }
    }

    /// Where the keys are.
    public enum Credentials: Equatable, Sendable {
        /// A file as AWS's tools have it, and the section that is meant.
        case file(path: String, profile: String)
        /// Variables of the client that attaches a container: `AWS_ACCESS_KEY_ID`, `AWS_SECRET_ACCESS_KEY`,
        /// `AWS_SESSION_TOKEN`.
        case environment
    }

    /// The name by which a container asks for it.
    public var name: String
    /// Whose containers may have it; `*`: everybody's.
    public var tenants: [String] = []
    /// The port of a container's own loopback at which the fabric is.
    public var port: UInt16 = 9000
    public var services: [Service] = []
    public var credentials = Credentials.environment
    /// Connections of a container at once; further ones wait.
    public var maxConnections = 32
    /// So long nothing moves, in milliseconds; then an exchange ends.
    public var timeoutInMilliseconds: Int64 = 60_000

    public init(name: String) { self.name = name }

    /// The key that stands in a container's environment. It opens nothing.
    public static let placeholderKey = "CZFABRICPLACEHOLDER0"

    public func allows(tenant: String) -> Bool { tenants.contains(tenant) || tenants.contains("*") }

    /// The service that a signature names; nil where the policy has none of it in that region.
    public func service(_ name: String, in region: String) -> Service? {
        services.first { $0.name == name && $0.regions.contains(region) }
    }

    /// The region where a container that says nothing of one is.
    public var defaultRegion: String { services.first?.regions.first ?? "us-east-1" }

    /// Variables by which AWS's SDKs find the fabric, NAME=value each. What an image or a user sets goes before.
    public var environment: [String] {
        [
            "AWS_ENDPOINT_URL=http://127.0.0.1:\(port)", "AWS_ACCESS_KEY_ID=\(Self.placeholderKey)",
            "AWS_SECRET_ACCESS_KEY=the-fabric-signs", "AWS_REGION=\(defaultRegion)",
            "AWS_DEFAULT_REGION=\(defaultRegion)", "AWS_EC2_METADATA_DISABLED=true",
        ]
    }
}
