/// Carries one connection between a port of a container's own loopback and a port of the host, both ways, until both
/// ends have ended or the container has.
public struct RelayConnection: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.relayConnection

    /// Which end opens the connection in the container.
    public enum Opening: UInt8, Sendable {
        /// The agent connects to 127.0.0.1, again and again until something listens there; answered when it has. Fails with
        /// ETIMEDOUT where nothing has by the end of `timeout`.
        case agent = 0
        /// The agent listens on 127.0.0.1, from the first such request for the port on, and takes one connection for
        /// each; answered when it listens. Fails with EADDRINUSE where the container does already.
        case container = 1
    }

    /// One whose first process is there, with a network namespace of its own; ENOENT, ESRCH or EINVAL else.
    public var container: ContainerNumber
    /// TCP, from 1.
    public var port: UInt16
    /// The host port that the agent connects to for the bytes.
    public var hostPort: UInt32
    /// Which end connects.
    public var opening: Opening
    /// How long the agent tries to connect, in milliseconds.
    public var timeout: UInt32

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        container: ContainerNumber, port: UInt16, hostPort: UInt32, opening: Opening, timeout: UInt32 = 10_000
    ) {
        self.container = container
        self.port = port
        self.hostPort = hostPort
        self.opening = opening
        self.timeout = timeout
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.integer(port)
        encoder.integer(hostPort)
        encoder.integer(opening.rawValue)
        encoder.integer(timeout)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        port = try decoder.integer()
        hostPort = try decoder.integer()
        let value: UInt8 = try decoder.integer()
        guard let opening = Opening(rawValue: value) else {
            throw .invalidValue(field: "opening", value: UInt64(value))
        }
        self.opening = opening
        timeout = try decoder.integer()
    }
}
