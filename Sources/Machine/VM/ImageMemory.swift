import Hypervisor
import LinuxSystem
public import Memory

/// An image in the guest's address space: read-only in this process and in the guest's memory slot, so a write from
/// the guest reaches neither the file nor another VM. Devices read it: a program may send pages of its own file.
final class ImageMemory {
    init(
        _ file: OwnedDescriptor, at range: GuestRange, in memory: GuestMemory, machine: VirtualMachine, slot: UInt32
    ) throws {
        let size = try file.sizeInBytes()
        guard size == range.sizeInBytes else {
            throw MachineError.other("an image of \(size) bytes: expected a multiple of 2 MiB, as the store makes them")
        }
        self.range = range
        mapping = try Mapping(.shared(file, offset: 0), sizeInBytes: Int(size), writable: false)
        try machine.mapMemory(slot: slot, at: range.start, mapping, readOnly: true)
        try memory.addReadOnlyRegion(at: range.start, backedBy: mapping)
    }

    let range: GuestRange
    private let mapping: Mapping
}

/// An image that has come to a machine, in a place that its guest has for one.
public struct AttachedImage: Equatable, Sendable {
    /// The index of the virtio device.
    public let device: Int
    /// Where it lies, from then on and to the machine's end.
    public let range: GuestRange

    package init(device: Int, range: GuestRange) {
        self.device = device
        self.range = range
    }
}
