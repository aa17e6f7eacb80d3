import Hypervisor
import LinuxSystem
import Memory
import Virtio

/// One zone's memory: reserved addresses that the guest's memory slot points to, and in which there is memory only while
/// the zone's blocks are plugged.
///
/// Protected by the device lock.
final class ZoneMemory: ZoneBacking {
    /// What of a block the guest touches sparsely, in bytes: its struct pages, and the 4 MiB that it goes online with
    /// (Kernel/patches, 0012). Of the rest it takes 4 MiB at a time, and huge pages are one exit each instead of 512.
    private static let memmapBytes = 2 << 20
    private static let sparseBytes = memmapBytes + (4 << 20)
    private static let hugePageBytes = 2 << 20

    private let range: GuestRange
    private let memory: GuestMemory
    private let reservation: AddressReservation
    /// What is written at once of the first block that is plugged next, in bytes from its memmap's end on.
    private var writtenBytes: UInt64 = 0

    init(_ range: GuestRange, in memory: GuestMemory, of machine: VirtualMachine, slot: UInt32) throws {
        self.range = range
        self.memory = memory
        reservation = try AddressReservation(sizeInBytes: Int(range.sizeInBytes))
        try machine.mapMemory(slot: slot, at: range.start, reservation)
    }

    func expect(writtenBytes: UInt64) { self.writtenBytes = writtenBytes }

    func plug(_ block: GuestRange) throws {
        let mapping = try Mapping(
            in: reservation, at: place(of: block), sizeInBytes: Int(block.sizeInBytes),
            inSmallPages: Self.smallPages(written: block.start == range.start ? writtenBytes : 0))
        do { try memory.addRegion(at: block.start, backedBy: mapping) } catch {
            try reservation.hide(at: place(of: block), sizeInBytes: Int(block.sizeInBytes))
            throw error
        }
    }

    func unplug(_ block: GuestRange) throws {
        try reservation.hide(at: place(of: block), sizeInBytes: Int(block.sizeInBytes))
        memory.removeRegion(at: block.start)
    }

    /// The guest's allocator gives the first pages after the memmap first: where as much is written as a huge page has,
    /// that costs one exit, and no memory.
    private static func smallPages(written: UInt64) -> [Range<Int>] {
        let huge = Int(min(written, UInt64(sparseBytes - memmapBytes))) / hugePageBytes * hugePageBytes
        return huge == 0 ? [0..<sparseBytes] : [0..<memmapBytes, memmapBytes + huge..<sparseBytes]
    }

    private func place(of block: GuestRange) -> Int {
        precondition(range.contains(block), "a block of another zone")
        return Int(block.start.rawValue - range.start.rawValue)
    }
}
