import LinuxSystem
import Memory
import Virtio

/// Gives free pages of the guest back to the host: of the base memory, and of zones as far as they are plugged.
///
/// Protected by the device lock.
final class FreePages: FreePageBacking {
    private static let pageSize: UInt64 = 4096
    private let memory: GuestMemory

    init(of memory: GuestMemory) { self.memory = memory }

    func takeBack(_ range: GuestRange) -> UInt64 {
        var bytes: UInt64 = 0
        // Base memory and plugged blocks are regions; what else the guest names is not its own.
        for region in memory.ranges where region.overlaps(range) {
            let start = max(region.start.rawValue, range.start.rawValue).roundedUp(to: Self.pageSize)
            let end = min(region.end.rawValue, range.end.rawValue) & ~(Self.pageSize - 1)
            guard start < end, let part = GuestRange(start: GuestAddress(start), sizeInBytes: end - start) else {
                continue
            }
            let offset = Int(part.start.rawValue - region.start.rawValue)
            let mapping = memory.mapping(at: region.start)
            if (try? mapping?.discard(offset: offset, sizeInBytes: Int(part.sizeInBytes))) != nil {
                bytes += part.sizeInBytes
            }
        }
        return bytes
    }
}
