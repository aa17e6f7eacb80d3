import OCI

/// What a VM's base memory has for the page descriptors of its image, 64 bytes for each page of 4 KiB. Images of different
/// sizes have the same room, so that VMs of all can be restored from one template; what of it is not used is never
/// touched.
struct ImageRoom {
    /// Bytes of base memory.
    let bytes: UInt64
    /// Whether other images have the same room.
    let isShared: Bool

    /// Sizes of the largest images that share a room, in bytes.
    private static let steps: [UInt64] = [512 << 20, 2 << 30]
    private static let bytesPerDescriptor: UInt64 = 64

    init(for image: StoredImage) { self.init(imageSizeInBytes: image.erofsSizeInBytes) }

    init(imageSizeInBytes size: UInt64) {
        let step = Self.steps.first { size <= $0 }
        isShared = step != nil
        bytes = (step ?? size) / Self.bytesPerDescriptor
    }
}
