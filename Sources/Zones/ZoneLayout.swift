import Geometry
public import Memory

/// Why zones cannot be laid out.
public enum ZoneLayoutError: Error, Equatable, Sendable, CustomStringConvertible {
    /// More zones than a VM can have, or fewer than none.
    case count(Int, max: Int)
    /// A size is no multiple of a block, or 0.
    case size(UInt64)
    /// The first address is no multiple of a block.
    case misaligned(GuestAddress)
    /// The zones end behind the addresses that the VM has; the end is cut off at the end of 64 bits.
    case addressSpace(end: GuestAddress, limit: GuestAddress)

    public var description: String {
        switch self {
        case .count(let count, let max): "\(count) zones: expected 0 to \(max)"
        case .size(let size): "a zone of \(size) bytes: expected a multiple of 128 MiB above 0"
        case .misaligned(let address): "zones from address \(address) on: expected a multiple of 128 MiB"
        case .addressSpace(let end, let limit):
            "the zones would end at \(end), behind \(limit): fewer or smaller zones fit"
        }
    }
}

/// Where a VM's zones lie: one behind the other, none overlapping. Fixed when the VM is made.
public struct ZoneLayout: Hashable, Sendable {
    /// In rising order; a zone's index is its place here.
    public let zones: [Zone]

    /// Zones of these sizes in bytes from `base` on, all of them before `limit`.
    public init(
        sizesInBytes: [UInt64], base: GuestAddress, limit: GuestAddress = GuestAddress(1 << 46)
    ) throws(ZoneLayoutError) {
        guard sizesInBytes.count <= ZoneGeometry.maxZoneCount else {
            throw .count(sizesInBytes.count, max: ZoneGeometry.maxZoneCount)
        }
        guard ZoneGeometry.isWholeBlocks(base.rawValue) else { throw .misaligned(base) }
        var start = base
        var zones: [Zone] = []
        for (index, size) in sizesInBytes.enumerated() {
            guard size > 0, ZoneGeometry.isWholeBlocks(size) else { throw .size(size) }
            guard let range = GuestRange(start: start, sizeInBytes: size), range.end <= limit else {
                throw .addressSpace(end: start.advanced(by: size) ?? GuestAddress(.max), limit: limit)
            }
            zones.append(Zone(index: index, range: range))
            start = range.end
        }
        self.zones = zones
    }

    /// `count` zones of one size in bytes.
    public init(
        count: Int, sizeInBytes: UInt64, base: GuestAddress, limit: GuestAddress = GuestAddress(1 << 46)
    ) throws(ZoneLayoutError) {
        guard (0...ZoneGeometry.maxZoneCount).contains(count) else {
            throw .count(count, max: ZoneGeometry.maxZoneCount)
        }
        try self.init(sizesInBytes: Array(repeating: sizeInBytes, count: count), base: base, limit: limit)
    }
}
