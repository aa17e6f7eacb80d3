/// The numbers of zones that host, clients and guest agree on. Sizes are in bytes.
public enum ZoneGeometry {
    /// The unit in which Linux takes memory on- and offline in a guest with less than 64 GiB at boot
    /// (memory_block_size_bytes), and in which zones are sized and aligned: 128 MiB.
    public static let blockSizeInBytes: UInt64 = 128 << 20

    /// How much of a zone stays free when its container is at its memory limit, for the guest's own accounting: a full
    /// container is killed for its limit, cleanly, and not for a failed allocation.
    public static let headroomInBytes: UInt64 = 8 << 20

    /// The most zones of a VM: each is a NUMA node beside node 0, and the guest's node tables have room for these.
    public static let maxZoneCount = 64

    /// The NUMA node of the zone with this index; node 0 is the base: kernel and agent.
    public static func node(ofZone index: Int) -> UInt32 { UInt32(index + 1) }

    /// Whether a size or an address is a multiple of a block.
    public static func isWholeBlocks(_ bytes: UInt64) -> Bool { bytes % blockSizeInBytes == 0 }

    /// The fewest whole blocks that hold `bytes`, in bytes; nil where the sum overflows.
    public static func wholeBlocks(holding bytes: UInt64) -> UInt64? {
        let (sum, overflow) = bytes.addingReportingOverflow(blockSizeInBytes - 1)
        return overflow ? nil : sum / blockSizeInBytes * blockSizeInBytes
    }

    /// The highest memory limit of a container in a zone of this size: 0 where the zone is not larger than the headroom.
    public static func maxMemoryLimit(inZoneOf sizeInBytes: UInt64) -> UInt64 {
        sizeInBytes > headroomInBytes ? sizeInBytes - headroomInBytes : 0
    }
}
