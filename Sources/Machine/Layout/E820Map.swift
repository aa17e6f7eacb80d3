public import Memory

/// An entry of the memory map that the kernel starts with (ACPI 6.5 §15, INT 15h E820).
public struct E820Entry: Equatable, Sendable {
    public enum Kind: UInt32, Sendable {
        case ram = 1
        case reserved = 2
    }

    public let range: GuestRange
    public let kind: Kind
}

extension MachineLayout {
    /// Base memory only: a zone is hot-plugged memory, and listing it would online it with the base.
    public var e820: [E820Entry] {
        var entries: [E820Entry] = []
        func add(_ start: GuestAddress, _ end: GuestAddress, _ kind: E820Entry.Kind) {
            guard start < end,
                let range = GuestRange(start: start, sizeInBytes: end.rawValue - start.rawValue)
            else { return }
            entries.append(E820Entry(range: range, kind: kind))
        }
        add(GuestAddress(0), AddressMap.endOfLowRAM, .ram)
        add(AddressMap.acpiTables, AddressMap.highMemory, .reserved)
        add(AddressMap.highMemory, lowBase.end, .ram)
        if let highBase { add(highBase.start, highBase.end, .ram) }
        return entries
    }
}
