import AgentProtocol
import ControlProtocol

/// What a fabric has done, and for whom.
public struct FabricDescription: Equatable, Sendable {
    /// The most containers of a description.
    public static let maxContainers = 4096

    /// A container's part.
    public struct Container: Equatable, Sendable {
        public var id: String
        public var policy: String
        /// Connections that are open, and exchanges under way.
        public var connections: UInt32 = 0
        public var active: UInt32 = 0
        /// Exchanges that were begun; of them those that the policy refused, and that ended without the store's answer.
        public var exchanges: UInt64 = 0
        public var refused: UInt64 = 0
        public var failed: UInt64 = 0
        /// Further tries of exchanges.
        public var retries: UInt64 = 0
        /// Bodies, from the container and to it.
        public var bytesSent: UInt64 = 0
        public var bytesReceived: UInt64 = 0

        public init(id: String, policy: String) {
            self.id = id
            self.policy = policy
        }
    }

    /// Of the process, in nanoseconds.
    public var cpuNanoseconds: UInt64
    public var containers: [Container]

    public init(cpuNanoseconds: UInt64, containers: [Container]) {
        self.cpuNanoseconds = cpuNanoseconds
        self.containers = containers
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.integer(cpuNanoseconds)
        encoder.list(containers, "containers", atMost: Self.maxContainers) { encoder, container in
            encoder.text(container.id, "container", atMost: ControlLimits.name)
            encoder.text(container.policy, "policy", atMost: ControlLimits.name)
            encoder.integer(container.connections)
            encoder.integer(container.active)
            for path in Self.counters { encoder.integer(container[keyPath: path]) }
        }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        cpuNanoseconds = try decoder.integer()
        containers = try decoder.list("containers", atMost: Self.maxContainers) { decoder throws(ProtocolError) in
            var container = Container(
                id: try decoder.text("container", atMost: ControlLimits.name),
                policy: try decoder.text("policy", atMost: ControlLimits.name))
            container.connections = try decoder.integer()
            container.active = try decoder.integer()
            for path in Self.counters { container[keyPath: path] = try decoder.integer() }
            return container
        }
    }

    /// In their order on the wire.
    private static var counters: [WritableKeyPath<Container, UInt64>] {
        [\.exchanges, \.refused, \.failed, \.retries, \.bytesSent, \.bytesReceived]
    }
}
