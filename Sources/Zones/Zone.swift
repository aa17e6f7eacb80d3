import Geometry
public import Memory

/// One container's memory: a contiguous range of guest-physical addresses that is a NUMA node of its own in the guest,
/// plugged and unplugged as a whole.
public struct Zone: Hashable, Sendable, CustomStringConvertible {
    /// Counts from 0 in a VM.
    public let index: Int
    /// Whole blocks (`ZoneGeometry.blockSizeInBytes`), aligned to a block.
    public let range: GuestRange

    /// The zone's NUMA node in the guest, from 1.
    public var node: UInt32 { ZoneGeometry.node(ofZone: index) }
    /// The most that can be plugged, in bytes.
    public var sizeInBytes: UInt64 { range.sizeInBytes }
    /// The same in blocks.
    public var blockCount: Int { Int(sizeInBytes / ZoneGeometry.blockSizeInBytes) }

    public var description: String { "zone \(index) (node \(node), \(range))" }
}
