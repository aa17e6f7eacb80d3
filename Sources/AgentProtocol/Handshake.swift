/// The agent's first frame on each control connection.
public struct Hello: Message, Equatable {
    public static let type = MessageType.hello

    /// Whether a `Setup` was done before on another connection; then send `Renew` instead. The guest was restored, or
    /// the host end is new: events in between are lost.
    public var isSetUp: Bool

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(isSetUp: Bool) { self.isSetUp = isSetUp }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(Limits.magic)
        encoder.integer(Limits.version)
        encoder.flag(isSetUp)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let magic: UInt32 = try decoder.integer()
        guard magic == Limits.magic else { throw .wrongMagic(magic) }
        let version: UInt16 = try decoder.integer()
        guard version == Limits.version else { throw .wrongVersion(version) }
        isSetUp = try decoder.flag("is set up")
    }
}

/// The host's answer to the first Hello. The zones and images are in the machine's device tree (`MachineTree`); the images
/// are mounted at once, with DAX, so no container waits for it.
public struct Setup: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.setup

    /// Wall clock: nanoseconds since 1970 UTC.
    public var wallClock: UInt64
    /// Random bytes, credited fully to the guest's generator, which is reseeded at once. 32 or more.
    public var entropy: [UInt8]
    /// Of the guest itself; at most `Limits.name` bytes.
    public var hostname: String
    /// The max number of containers that will come: no network namespace is prepared for more. `UInt32.max`: any.
    public var maxContainers: UInt32

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(wallClock: UInt64, entropy: [UInt8], hostname: String, maxContainers: UInt32 = .max) {
        self.wallClock = wallClock
        self.entropy = entropy
        self.hostname = hostname
        self.maxContainers = maxContainers
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(wallClock)
        encoder.blob(entropy, "entropy", atMost: Limits.entropy)
        encoder.text(hostname, "host name", atMost: Limits.name)
        encoder.integer(maxContainers)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        wallClock = try decoder.integer()
        entropy = try decoder.blob("entropy", atMost: Limits.entropy)
        hostname = try decoder.text("host name", atMost: Limits.name)
        maxContainers = try decoder.integer()
    }
}

/// Time and entropy after a restore from a template, before anything else runs.
public struct Renew: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.renew

    /// Nanoseconds since 1970 UTC.
    public var wallClock: UInt64
    /// As in `Setup`; never the same for two restores.
    public var entropy: [UInt8]
    /// The virtio devices (their indices) of images that have come since the guest was saved, where it had a place for
    /// them.
    public var images: [UInt8]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(wallClock: UInt64, entropy: [UInt8], images: [UInt8] = []) {
        self.wallClock = wallClock
        self.entropy = entropy
        self.images = images
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(wallClock)
        encoder.blob(entropy, "entropy", atMost: Limits.entropy)
        encoder.blob(images, "images", atMost: Limits.images)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        wallClock = try decoder.integer()
        entropy = try decoder.blob("entropy", atMost: Limits.entropy)
        images = try decoder.blob("images", atMost: Limits.images)
    }
}

/// Before the guest is saved as a template: Done comes when the network namespaces for containers to come are prepared,
/// and the kernel's caches of files are dropped.
public struct Settle: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.settle

    /// Has no fields.
    public init() {}
    public func encode(into encoder: inout MessageEncoder) {}
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {}
}

/// Ends the guest: everything is killed, then the machine powers off. Done is sent before it does.
public struct PowerOff: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.powerOff

    /// Has no fields.
    public init() {}
    public func encode(into encoder: inout MessageEncoder) {}
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {}
}
