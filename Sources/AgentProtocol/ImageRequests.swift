/// An image has come to a place for one: the guest binds the device's driver, and mounts the image with DAX.
public struct BringImage: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.bringImage

    /// By which containers name it (`Tree.image`); EEXIST where another one has it.
    public var image: UInt32
    /// The index of its virtio device.
    public var device: UInt8
    /// Its physical address in the guest.
    public var base: UInt64

    /// Takes the fields as they are.
    public init(image: UInt32, device: UInt8, base: UInt64) {
        self.image = image
        self.device = device
        self.base = base
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(image)
        encoder.integer(device)
        encoder.integer(base)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        image = try decoder.integer()
        device = try decoder.integer()
        base = try decoder.integer()
    }
}

/// Takes back what `BringImage` did, and with it the page descriptors of the image. Fails with EBUSY, and the image stays
/// mounted, where something still has it; with ENOENT where it is not there.
public struct ReleaseImage: Request, Equatable {
    public typealias Reply = Done
    public static let type = MessageType.releaseImage

    /// The image's number.
    public var image: UInt32

    /// Takes the field as it is.
    public init(image: UInt32) { self.image = image }

    public func encode(into encoder: inout MessageEncoder) { encoder.integer(image) }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { image = try decoder.integer() }
}
