public import LinuxSystem

/// Why an access to guest memory was refused. The guest chose the address: this is a value to handle, not our bug.
public enum GuestMemoryError: Error, Equatable, CustomStringConvertible {
    /// The range is not whole in one region that is mapped now.
    case notMapped(address: GuestAddress, sizeInBytes: UInt64)
    /// A 2-byte atomic access at an odd address.
    case misaligned(GuestAddress)
    /// The region that should be added overlaps one that is there.
    case overlaps(GuestRange)
    /// The host's own file refused or failed the transfer.
    case transferFailed(SystemError)

    public var description: String {
        switch self {
        case .notMapped(let address, let size): "\(size) bytes at guest address \(address) are not in mapped memory"
        case .misaligned(let address): "guest address \(address) is not aligned to 2 bytes"
        case .overlaps(let range): "guest memory \(range) overlaps a region that exists"
        case .transferFailed(let error): "\(error)"
        }
    }
}

/// The memory that a guest has: regions of guest-physical addresses, each backed by a mapping of this process.
///
/// The only door to guest memory. No reference into it is ever handed out: what the guest wrote is copied out once,
/// and the copy is validated. Every access is checked against the regions that are mapped at that moment, so an
/// unplugged zone is out of reach of every device.
///
/// Not thread-safe by itself: protected by the VM's device lock, as all device state.
public final class GuestMemory: @unchecked Sendable {
    /// A mapped region. `mapping` covers exactly `range`.
    struct Region {
        let range: GuestRange
        let mapping: Mapping
    }

    /// Sorted by address, never overlapping.
    private(set) var regions: [Region] = []
    /// What devices may read and nobody writes to: images. Sorted by nothing, overlapping nothing.
    private(set) var readOnlyRegions: [Region] = []

    /// A guest without memory.
    public init() {}

    /// The mapped ranges in rising order, without read-only ones.
    public var ranges: [GuestRange] { regions.map(\.range) }

    /// Makes a range accessible; the mapping is kept for as long as the region is there.
    public func addRegion(at start: GuestAddress, backedBy mapping: Mapping) throws(GuestMemoryError) {
        let size = UInt64(mapping.sizeInBytes)
        guard let range = GuestRange(start: start, sizeInBytes: size) else {
            throw .notMapped(address: start, sizeInBytes: size)
        }
        try checkFree(range)
        let index = regions.firstIndex { $0.range.start > start } ?? regions.endIndex
        regions.insert(Region(range: range, mapping: mapping), at: index)
    }

    /// Makes a range readable, as long as the guest exists: its programs hand pages of their images to devices. Nothing
    /// is ever written there, and no queue lies there.
    public func addReadOnlyRegion(at start: GuestAddress, backedBy mapping: Mapping) throws(GuestMemoryError) {
        let size = UInt64(mapping.sizeInBytes)
        guard let range = GuestRange(start: start, sizeInBytes: size) else {
            throw .notMapped(address: start, sizeInBytes: size)
        }
        try checkFree(range)
        readOnlyRegions.append(Region(range: range, mapping: mapping))
    }

    private func checkFree(_ range: GuestRange) throws(GuestMemoryError) {
        let overlaps = { (region: Region) in region.range.overlaps(range) }
        guard !regions.contains(where: overlaps), !readOnlyRegions.contains(where: overlaps) else {
            throw .overlaps(range)
        }
    }

    /// Takes the region that starts here away; false where there is none.
    @discardableResult
    public func removeRegion(at start: GuestAddress) -> Bool {
        guard let index = regions.firstIndex(where: { $0.range.start == start }) else { return false }
        regions.remove(at: index)
        return true
    }

    /// The mapping behind the region that starts here.
    public func mapping(at start: GuestAddress) -> Mapping? { regions.first { $0.range.start == start }?.mapping }
}
