import Geometry

/// Why no zone can be given to a container.
public enum PlugPlanError: Error, Equatable, Sendable, CustomStringConvertible {
    /// The container asks for no memory at all.
    case nothingAsked
    /// No zone of this VM is large enough, whether free or not.
    case tooLarge(bytes: UInt64, largestInBytes: UInt64)
    /// Every zone that is large enough is in use or quarantined.
    case noneFree(zones: Int, quarantined: Int)

    public var description: String {
        switch self {
        case .nothingAsked: "a container of 0 bytes, expected at least 1"
        case .tooLarge(let bytes, let largest):
            "a container of \(bytes) bytes, expected at most \(largest): the VM's largest zone"
        case .noneFree(let zones, let quarantined): "none of \(zones) zones is free (\(quarantined) quarantined)"
        }
    }
}

/// Which zone a container gets, and how much of it is plugged.
public struct PlugPlan: Hashable, Sendable {
    /// The zone that the container gets: one that is free.
    public let zone: Zone
    /// What is asked of the guest: whole blocks.
    public let sizeInBytes: UInt64

    /// The smallest free zone that has room for `bytes`, the first of several, with as few blocks as hold them.
    public init(forBytes bytes: UInt64, in lives: [ZoneLife]) throws(PlugPlanError) {
        guard bytes > 0 else { throw .nothingAsked }
        let largest = lives.map(\.zone.sizeInBytes).max() ?? 0
        guard bytes <= largest else { throw .tooLarge(bytes: bytes, largestInBytes: largest) }
        let free = lives.filter { $0.isFree && $0.zone.sizeInBytes >= bytes }
        guard let best = free.min(by: { ($0.zone.sizeInBytes, $0.zone.index) < ($1.zone.sizeInBytes, $1.zone.index) })
        else {
            let quarantined = lives.count { if case .quarantined = $0.state { true } else { false } }
            throw .noneFree(zones: lives.count, quarantined: quarantined)
        }
        zone = best.zone
        // No overflow: bytes is at most a zone's size, which is whole blocks.
        sizeInBytes = ZoneGeometry.wholeBlocks(holding: bytes) ?? best.zone.sizeInBytes
    }
}
