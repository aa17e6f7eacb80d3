import Hypervisor
import LinuxSystem
import Memory

/// Guest RAM. The base memory is the process's own, in huge pages while the guest boots, as each small page would cost an
/// exit; only the kernel's pages show its file until they are changed. That of a machine that is restored from a snapshot is
/// the snapshot's memory file, mapped privately: pages come in when they are touched, and are the process's own from its
/// first write on; its holes, zeros, are the process's own from the start.
final class RandomAccessMemory {
    let layout: MachineLayout
    private(set) var base: [Mapping] = []
    /// The memory file of the snapshot that the machine is restored from.
    private let snapshot: OwnedDescriptor?

    init(_ layout: MachineLayout, from snapshot: OwnedDescriptor? = nil) throws(SystemError) {
        self.layout = layout
        self.snapshot = snapshot
    }

    /// Maps the base memory into this process and the guest; slots from 0 up. How many slots it took.
    func mapBase(into memory: GuestMemory, of machine: VirtualMachine) throws -> UInt32 {
        var fileOffset: UInt64 = 0
        for (slot, range) in layout.baseRanges.enumerated() {
            let size = Int(range.sizeInBytes)
            let mapping =
                try snapshot.map { try Mapping(copyOnWrite: $0, offset: fileOffset, sizeInBytes: size) }
                ?? Mapping(hugePagesOf: size)
            fileOffset += range.sizeInBytes
            try memory.addRegion(at: range.start, backedBy: mapping)
            try machine.mapMemory(slot: UInt32(slot), at: range.start, mapping)
            base.append(mapping)
        }
        return UInt32(base.count)
    }

    /// After the boot little is touched for the first time, and a huge page for each of it would be waste.
    func growByPages() { for mapping in base { mapping.useSmallPages() } }

    /// Gives the process its own copies of pages that the guest is going to write.
    func makePrivate(_ set: WorkingSet) {
        var first = 0
        for mapping in base {
            let end = first + mapping.sizeInBytes / Int(WorkingSet.pageSize)
            for run in set.runs {
                let part = max(first, Int(run.lowerBound))..<max(first, min(end, Int(run.upperBound)))
                if !part.isEmpty { mapping.makePrivate(part.lowerBound - first..<part.upperBound - first) }
            }
            first = end
        }
    }

    /// Host memory that the base memory is: what only this process has.
    var baseResidentBytes: UInt64 {
        base.reduce(0) { $0 + $1.privateBytes }
    }
}
