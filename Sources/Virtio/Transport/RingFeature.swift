/// The feature bits that belong to the rings and the transport (virtio 1.2 §6).
public enum RingFeature {
    /// VIRTIO_F_INDIRECT_DESC
    public static let indirectDescriptors: UInt64 = 1 << 28
    /// VIRTIO_F_EVENT_IDX
    public static let eventIndex: UInt64 = 1 << 29
    /// VIRTIO_F_VERSION_1: no legacy driver can use the device.
    public static let version1: UInt64 = 1 << 32

    /// What the transport offers for every device. Not ACCESS_PLATFORM: devices address guest memory directly.
    static let offered = indirectDescriptors | eventIndex | version1
}
