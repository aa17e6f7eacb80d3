import Hypervisor
import LinuxSystem
import Memory
import Virtio

/// One zone's memory: reserved addresses that the guest's memory slot points to, and into which the zone's part of the
/// memory file is mapped only while its blocks are plugged.
///
/// Protected by the device lock.
final class ZoneMemory: ZoneBacking {
    private let range: GuestRange
    private let ram: RandomAccessMemory
    private let memory: GuestMemory
    private let reservation: AddressReservation

    init(
        _ range: GuestRange, in ram: RandomAccessMemory, memory: GuestMemory, machine: VirtualMachine, slot: UInt32
    ) throws {
        self.range = range
        self.ram = ram
        self.memory = memory
        reservation = try AddressReservation(sizeInBytes: Int(range.sizeInBytes))
        try machine.mapMemory(slot: slot, at: range.start, reservation)
    }

    func plug(_ block: GuestRange) throws {
        precondition(range.contains(block), "a block of another zone")
        let mapping = try Mapping(
            of: ram.zones.descriptor, fileOffset: ram.fileOffset(of: block), in: reservation,
            at: Int(block.start.rawValue - range.start.rawValue), sizeInBytes: Int(block.sizeInBytes))
        try memory.addRegion(at: block.start, backedBy: mapping)
    }

    /// First out of everybody's reach, then back to the host: a page that is touched in between cannot come back.
    func unplug(_ block: GuestRange) throws {
        precondition(range.contains(block), "a block of another zone")
        memory.removeRegion(at: block.start)
        do {
            try ram.zones.punchHole(offset: ram.fileOffset(of: block), sizeInBytes: block.sizeInBytes)
        } catch {
            try plug(block)
            throw error
        }
    }
}
