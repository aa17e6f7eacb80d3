/// A container comes near the end of what its zone has. The host plugs more, as far as the container may have it, and
/// says `GrowthEnded`; a second one before that changes nothing.
public struct MemoryWanted: Message, Equatable {
    public static let type = MessageType.memoryWanted

    /// One that was made with more `maxZoneBytes` than it has.
    public var container: ContainerNumber

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber) { self.container = container }
    public func encode(into encoder: inout MessageEncoder) { encoder.container(container) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { container = try decoder.container() }
}

/// The upper blocks of a container's zone are empty and offline: the host may unplug them.
public struct MemoryReturned: Message, Equatable {
    public static let type = MessageType.memoryReturned

    /// Whose zone it is.
    public var container: ContainerNumber
    /// What is still online, from the zone's base on.
    public var onlineBytes: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber, onlineBytes: UInt64) {
        self.container = container
        self.onlineBytes = onlineBytes
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.integer(onlineBytes)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        onlineBytes = try decoder.integer()
    }
}

/// What became of a `MemoryWanted`. Answered at once; ENOENT for a container that is gone.
public struct GrowthEnded: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.growthEnded

    /// Whose zone it is.
    public var container: ContainerNumber
    /// What is plugged now; the last of it may not be online yet.
    public var pluggedBytes: UInt64
    /// Whether there is more than before. Where not, the container asks again in a while.
    public var hasGrown: Bool

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(container: ContainerNumber, pluggedBytes: UInt64, hasGrown: Bool) {
        self.container = container
        self.pluggedBytes = pluggedBytes
        self.hasGrown = hasGrown
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.integer(pluggedBytes)
        encoder.flag(hasGrown)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        pluggedBytes = try decoder.integer()
        hasGrown = try decoder.flag("has grown")
    }
}
