package import LinuxSystem

/// What files take on their media, where they may share blocks: those count once.
package struct StoredBytes: Sendable {
    /// By the file's owner: what it has of the medium, and what has no place that is known.
    private var pieces: [(owner: String, device: UInt64, addresses: Range<UInt64>)] = []
    private var placeless: [String: UInt64] = [:]

    package init() {}

    /// Counts a file to an owner; whole, where the file system does not say what it shares.
    package mutating func add(_ file: OwnedDescriptor, of owner: String) throws(SystemError) {
        let status = try file.status()
        guard let extents = try FileBlocks(of: file).extents() else {
            placeless[owner, default: 0] += status.allocatedBytes
            return
        }
        add(extents, device: status.device, of: owner)
    }

    mutating func add(_ extents: [FileExtent], device: UInt64, of owner: String) {
        for extent in extents {
            let (end, overflows) = (extent.address ?? 0).addingReportingOverflow(extent.sizeInBytes)
            if let start = extent.address, !overflows {
                pieces.append((owner, device, start..<end))
            } else {
                placeless[owner, default: 0] += extent.sizeInBytes
            }
        }
    }

    /// Forgets an owner.
    package mutating func remove(_ owner: String) {
        pieces.removeAll { $0.owner == owner }
        placeless[owner] = nil
    }

    /// What all take together.
    package var total: UInt64 { placeless.values.reduce(0, +) + sweep().total }

    /// What is an owner's alone: so much is free again when it goes.
    package func own(_ owner: String) -> UInt64 { (placeless[owner] ?? 0) + (sweep().own[owner] ?? 0) }

    /// Passes the media from begin to end; between two places where a piece begins or ends, the same owners have it.
    private func sweep() -> (total: UInt64, own: [String: UInt64]) {
        var ends: [(device: UInt64, place: UInt64, owner: String, isBegin: Bool)] = []
        for piece in pieces where !piece.addresses.isEmpty {
            ends.append((piece.device, piece.addresses.lowerBound, piece.owner, true))
            ends.append((piece.device, piece.addresses.upperBound, piece.owner, false))
        }
        ends.sort { ($0.device, $0.place) < ($1.device, $1.place) }
        var (total, own): (UInt64, [String: UInt64]) = (0, [:])
        var owners: [String: Int] = [:]
        for (index, end) in ends.enumerated() {
            if index > 0, let owner = owners.first?.key, ends[index - 1].device == end.device {
                let length = end.place - ends[index - 1].place
                total += length
                if owners.count == 1 { own[owner, default: 0] += length }
            }
            let count = owners[end.owner, default: 0] + (end.isBegin ? 1 : -1)
            owners[end.owner] = count == 0 ? nil : count
        }
        return (total, own)
    }
}
