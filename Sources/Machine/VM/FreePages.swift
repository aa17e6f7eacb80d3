import LinuxSystem
import Memory
import Virtio

/// Gives free pages of the guest back to the host: of the base memory, and of zones as far as they are plugged.
///
/// Protected by the device lock.
final class FreePages: FreePageBacking {
    private static let pageSize: UInt64 = 4096
    private let ram: RandomAccessMemory
    private let memory: GuestMemory

    init(of ram: RandomAccessMemory, in memory: GuestMemory) {
        self.ram = ram
        self.memory = memory
    }

    func takeBack(_ range: GuestRange) -> UInt64 {
        var bytes: UInt64 = 0
        // Base memory and plugged blocks are regions; what else the guest names is not its own.
        for region in memory.ranges where region.overlaps(range) {
            let start = max(region.start.rawValue, range.start.rawValue).roundedUp(to: Self.pageSize)
            let end = min(region.end.rawValue, range.end.rawValue) & ~(Self.pageSize - 1)
            guard start < end, let part = GuestRange(start: GuestAddress(start), sizeInBytes: end - start) else {
                continue
            }
            if (try? takeBack(part, of: region)) != nil { bytes += part.sizeInBytes }
        }
        return bytes
    }

    private func takeBack(_ part: GuestRange, of region: GuestRange) throws {
        if ram.layout.zones.contains(where: { $0.contains(part) }) {
            try ram.zones.punchHole(offset: ram.fileOffset(of: part), sizeInBytes: part.sizeInBytes)
        } else {
            try memory.mapping(at: region.start)?.discard(
                offset: Int(part.start.rawValue - region.start.rawValue), sizeInBytes: Int(part.sizeInBytes))
        }
    }
}
