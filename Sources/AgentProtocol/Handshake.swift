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

/// A zone as the guest sees it.
public struct ZoneDescription: Equatable, Sendable {
    /// Its NUMA node, from 1.
    public var node: UInt32
    /// Its first guest-physical address, a multiple of 128 MiB.
    public var base: UInt64
    /// Its greatest size, a multiple of 128 MiB.
    public var sizeInBytes: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(node: UInt32, base: UInt64, sizeInBytes: UInt64) {
        self.node = node
        self.base = base
        self.sizeInBytes = sizeInBytes
    }
}

/// An image as the guest sees it: an EROFS file system on a virtio-pmem device.
public struct ImageDescription: Equatable, Sendable {
    /// The N of /dev/pmemN: the devices count from 0 in the order of their virtio-mmio addresses.
    public var device: UInt32
    /// The device's memory, for telling image pages from others.
    public var base: UInt64
    /// The size of that memory, in bytes.
    public var sizeInBytes: UInt64

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(device: UInt32, base: UInt64, sizeInBytes: UInt64) {
        self.device = device
        self.base = base
        self.sizeInBytes = sizeInBytes
    }
}

/// The host's answer to the first Hello. Images are mounted at once, with DAX, so no container waits for it.
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
    /// All that the VM has, each with its own node; at most `Limits.zones`.
    public var zones: [ZoneDescription]
    /// All that the VM has; at most `Limits.images`.
    public var images: [ImageDescription]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(
        wallClock: UInt64, entropy: [UInt8], hostname: String, maxContainers: UInt32 = .max, zones: [ZoneDescription],
        images: [ImageDescription]
    ) {
        self.wallClock = wallClock
        self.entropy = entropy
        self.hostname = hostname
        self.maxContainers = maxContainers
        self.zones = zones
        self.images = images
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(wallClock)
        encoder.blob(entropy, "entropy", atMost: Limits.entropy)
        encoder.text(hostname, "host name", atMost: Limits.name)
        encoder.integer(maxContainers)
        encoder.list(zones, "zones", atMost: Limits.zones) { encoder, zone in
            encoder.integer(zone.node)
            encoder.integer(zone.base)
            encoder.integer(zone.sizeInBytes)
        }
        encoder.list(images, "images", atMost: Limits.images) { encoder, image in
            encoder.integer(image.device)
            encoder.integer(image.base)
            encoder.integer(image.sizeInBytes)
        }
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        wallClock = try decoder.integer()
        entropy = try decoder.blob("entropy", atMost: Limits.entropy)
        hostname = try decoder.text("host name", atMost: Limits.name)
        maxContainers = try decoder.integer()
        zones = try decoder.list("zones", atMost: Limits.zones) { decoder throws(ProtocolError) in
            ZoneDescription(
                node: try decoder.integer(), base: try decoder.integer(), sizeInBytes: try decoder.integer())
        }
        images = try decoder.list("images", atMost: Limits.images) { decoder throws(ProtocolError) in
            ImageDescription(
                device: try decoder.integer(), base: try decoder.integer(), sizeInBytes: try decoder.integer())
        }
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

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(wallClock: UInt64, entropy: [UInt8]) {
        self.wallClock = wallClock
        self.entropy = entropy
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(wallClock)
        encoder.blob(entropy, "entropy", atMost: Limits.entropy)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        wallClock = try decoder.integer()
        entropy = try decoder.blob("entropy", atMost: Limits.entropy)
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
