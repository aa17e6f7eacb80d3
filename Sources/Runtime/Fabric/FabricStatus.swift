public import FabricProtocol

/// A living fabric, for commands' `--json`.
public struct FabricStatus: Encodable, Sendable {
    /// A container that it serves.
    public struct Container: Encodable, Sendable {
        public let id: String
        public let policy: String
        public let connections: UInt32
        public let active: UInt32
        public let exchanges: UInt64
        public let refused: UInt64
        public let failed: UInt64
        public let retries: UInt64
        public let bytesSent: UInt64
        public let bytesReceived: UInt64
    }

    public let tenant: String
    public let pid: Int32?
    public let cpuNs: UInt64
    public let containers: [Container]

    /// Those of a registry, by tenant.
    public static func all(of registry: Registry) throws(RuntimeError) -> [FabricStatus] {
        try registry.cleanUp()
        let client = FabricClient(registry)
        var statuses: [FabricStatus] = []
        for fabric in try FabricDirectory.living(in: registry) {
            guard let description = try client.describe(fabric) else { continue }
            statuses.append(
                FabricStatus(
                    tenant: fabric.tenant, pid: try fabric.processID(), cpuNs: description.cpuNanoseconds,
                    containers: description.containers.map(Container.init)))
        }
        return statuses
    }
}

extension FabricStatus.Container {
    fileprivate init(_ container: FabricDescription.Container) {
        self.init(
            id: container.id, policy: container.policy, connections: container.connections, active: container.active,
            exchanges: container.exchanges, refused: container.refused, failed: container.failed,
            retries: container.retries, bytesSent: container.bytesSent, bytesReceived: container.bytesReceived)
    }
}

/// A policy, for commands' `--json`.
public struct PolicyReport: Encodable, Sendable {
    /// A service that it allows.
    public struct Service: Encodable, Sendable {
        public let service: String
        public let regions: [String]
        public let buckets: [String]
        public let endpoint: String?
    }

    public let name: String
    public let tenants: [String]
    public let port: UInt16
    public let services: [Service]
    /// `file` or `environment`; the keys themselves are never reported.
    public let credentials: String
    public let connections: UInt32
    public let timeoutMs: UInt64

    public init(_ policy: PolicySummary) {
        name = policy.name
        tenants = policy.tenants
        port = policy.port
        services = policy.services.map { service in
            Service(
                service: service.name, regions: service.regions, buckets: service.buckets,
                endpoint: service.endpoint)
        }
        credentials = policy.keyFile == nil ? "environment" : "file"
        connections = policy.maxConnections
        timeoutMs = policy.timeoutInMilliseconds
    }
}
