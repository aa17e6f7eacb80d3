public import Memory

/// One container's memory: a contiguous range of guest-physical addresses that is a NUMA node of its own in the guest,
/// plugged and unplugged as a whole.
public struct Zone: Hashable, Sendable, CustomStringConvertible {
    /// The unit in which Linux takes memory on- and offline below 64 GiB of memory, and in which zones are sized and
    /// aligned: 128 MiB.
    public static let blockSizeInBytes: UInt64 = 128 << 20

    /// Counts from 0 in a VM.
    public let index: Int
    public let range: GuestRange

    /// The zone's NUMA node in the guest. Node 0 is the base: kernel and agent.
    public var node: UInt32 { UInt32(index + 1) }
    public var sizeInBytes: UInt64 { range.sizeInBytes }
    public var blockCount: Int { Int(sizeInBytes / Self.blockSizeInBytes) }

    public var description: String { "zone \(index) (node \(node), \(range))" }
}

/// Why a table of zones cannot be.
public enum ZoneTableError: Error, Equatable, Sendable, CustomStringConvertible {
    case count(Int, most: Int)
    /// A size is no multiple of a block, or 0.
    case size(UInt64)
    case misaligned(GuestAddress)
    /// The zones end behind the addresses that the VM has.
    case addressSpace(end: UInt64, limit: GuestAddress)

    public var description: String {
        switch self {
        case .count(let count, let most): "\(count) zones, expected 0 to \(most)"
        case .size(let size): "a zone of \(size) bytes, expected a multiple of 128 MiB above 0"
        case .misaligned(let address): "zones from address \(address) on, expected a multiple of 128 MiB"
        case .addressSpace(let end, let limit): "zones up to address \(end), expected no further than \(limit)"
        }
    }
}

/// Where a VM's zones lie: one behind the other, none overlapping. Fixed when the VM is made.
public struct ZoneTable: Hashable, Sendable {
    /// What the guest's node tables have room for.
    public static let mostZones = 64

    public let base: GuestAddress
    public let zones: [Zone]

    /// Zones of these sizes in bytes from `base` on, all of them before `limit`.
    public init(
        sizesInBytes: [UInt64], base: GuestAddress, limit: GuestAddress = GuestAddress(1 << 46)
    ) throws(ZoneTableError) {
        guard sizesInBytes.count <= Self.mostZones else { throw .count(sizesInBytes.count, most: Self.mostZones) }
        guard base.rawValue % Zone.blockSizeInBytes == 0 else { throw .misaligned(base) }
        var start = base
        var zones: [Zone] = []
        for (index, size) in sizesInBytes.enumerated() {
            guard size > 0, size % Zone.blockSizeInBytes == 0 else { throw .size(size) }
            guard let range = GuestRange(start: start, sizeInBytes: size), range.end <= limit else {
                throw .addressSpace(end: start.rawValue &+ size, limit: limit)
            }
            zones.append(Zone(index: index, range: range))
            start = range.end
        }
        self.base = base
        self.zones = zones
    }

    /// `count` zones of one size.
    public init(
        count: Int, sizeInBytes: UInt64, base: GuestAddress, limit: GuestAddress = GuestAddress(1 << 46)
    ) throws(ZoneTableError) {
        guard (0...Self.mostZones).contains(count) else { throw .count(count, most: Self.mostZones) }
        try self.init(sizesInBytes: Array(repeating: sizeInBytes, count: count), base: base, limit: limit)
    }

    /// All addresses that a zone can ever have.
    public var range: GuestRange {
        let size = zones.reduce(0) { $0 + $1.sizeInBytes }
        // The empty range is for the type only: `init` proved that base + size does not wrap around.
        return GuestRange(start: base, sizeInBytes: size) ?? .empty
    }

    public subscript(index: Int) -> Zone? { zones.indices.contains(index) ? zones[index] : nil }

    public func zone(node: UInt32) -> Zone? { node == 0 ? nil : self[Int(node) - 1] }

    public func zone(containing address: GuestAddress) -> Zone? { zones.first { $0.range.contains(address) } }
}
