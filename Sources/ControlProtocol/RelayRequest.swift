public import AgentProtocol

/// A connection to carry between a port of a container's own loopback and the stream socket that travels with the
/// request. It lasts until both have ended, or the container has; no other container is reached by it.
public struct RelayRequest: Equatable, Sendable {
    /// The longest that a VM tries to connect, in milliseconds.
    public static let maxTimeout: UInt32 = 60_000

    /// Its id.
    public var container: String
    /// TCP, from 1.
    public var port: UInt16
    /// Which end opens the connection in the container.
    public var opening: RelayConnection.Opening
    /// How long it is tried to connect, in milliseconds; nothing may listen yet.
    public var timeoutInMilliseconds: UInt32

    public init(
        container: String, port: UInt16, opening: RelayConnection.Opening, timeoutInMilliseconds: UInt32
    ) {
        self.container = container
        self.port = port
        self.opening = opening
        self.timeoutInMilliseconds = timeoutInMilliseconds
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.name(container)
        encoder.integer(port)
        encoder.integer(opening.rawValue)
        encoder.integer(timeoutInMilliseconds)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.name()
        port = try decoder.integer()
        let value: UInt8 = try decoder.integer()
        guard let opening = RelayConnection.Opening(rawValue: value) else {
            throw .invalidValue(field: "opening", value: UInt64(value))
        }
        self.opening = opening
        timeoutInMilliseconds = try decoder.integer()
    }
}
