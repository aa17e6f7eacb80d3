public import Devices

/// Why a device cannot be put on a bus: a mistake of ours, not of the guest.
public enum BusError: Error, Equatable, CustomStringConvertible {
    case emptyOrWrapping(start: UInt64, sizeInBytes: UInt64)
    case overlaps(start: UInt64, sizeInBytes: UInt64, other: UInt64)

    public var description: String {
        switch self {
        case .emptyOrWrapping(let start, let size):
            "a device of \(size) bytes at bus address \(hex(start)): expected 1 byte or more within 64 bits"
        case .overlaps(let start, let size, let other):
            "a device of \(size) bytes at bus address \(hex(start)) overlaps the one at \(hex(other))"
        }
    }

    private func hex(_ value: UInt64) -> String { "0x" + String(value, radix: 16) }
}

/// The devices of one address space, MMIO or port I/O, by address.
///
/// The guest chooses address and width: an access that no device has whole reads as all ones, is ignored when it
/// writes, and is counted. Not thread-safe: protected by the VM's device lock.
public final class AddressSpaceBus {
    private struct Entry {
        let start: UInt64
        /// The last address; so that a range may end at the address space's end.
        let last: UInt64
        let device: any BusDevice
    }

    /// Sorted by address, never overlapping.
    private var entries: [Entry] = []

    /// How often the guest accessed what is not there.
    public private(set) var unmappedAccessCount: UInt64 = 0

    public init() {}

    /// Puts a device at a range of addresses.
    public func insert(_ device: any BusDevice, at start: UInt64, sizeInBytes: UInt64) throws(BusError) {
        guard sizeInBytes > 0, start <= UInt64.max - (sizeInBytes - 1) else {
            throw .emptyOrWrapping(start: start, sizeInBytes: sizeInBytes)
        }
        let last = start + (sizeInBytes - 1)
        let index = firstIndex(endingAtOrAfter: start)
        if index < entries.endIndex, entries[index].start <= last {
            throw .overlaps(start: start, sizeInBytes: sizeInBytes, other: entries[index].start)
        }
        entries.insert(Entry(start: start, last: last, device: device), at: index)
    }

    /// Takes the device that begins here off the bus; false where there is none.
    @discardableResult
    public func remove(at start: UInt64) -> Bool {
        let index = firstIndex(endingAtOrAfter: start)
        guard index < entries.endIndex, entries[index].start == start else { return false }
        entries.remove(at: index)
        return true
    }

    /// The value that the guest reads; `width` is 1, 2, 4 or 8 bytes, what else there may be is answered as unmapped.
    public func read(_ address: UInt64, width: Int) -> UInt64 {
        guard let entry = entry(for: address, width: width) else {
            unmappedAccessCount &+= 1
            return Self.allOnes(width: width)
        }
        return entry.device.read(offset: address - entry.start, width: width) & Self.allOnes(width: width)
    }

    /// Hands a value that the guest writes to the device at the address.
    public func write(_ value: UInt64, to address: UInt64, width: Int) {
        guard let entry = entry(for: address, width: width) else {
            unmappedAccessCount &+= 1
            return
        }
        entry.device.write(value & Self.allOnes(width: width), offset: address - entry.start, width: width)
    }

    private static func allOnes(width: Int) -> UInt64 {
        (1..<8).contains(width) ? 1 << UInt64(width * 8) - 1 : .max
    }

    private func entry(for address: UInt64, width: Int) -> Entry? {
        guard width == 1 || width == 2 || width == 4 || width == 8 else { return nil }
        let index = firstIndex(endingAtOrAfter: address)
        guard index < entries.endIndex else { return nil }
        let entry = entries[index]
        guard entry.start <= address, entry.last - address >= UInt64(width - 1) else { return nil }
        return entry
    }

    /// Binary search: at most 9 steps for the 300 devices that a machine can have.
    private func firstIndex(endingAtOrAfter address: UInt64) -> Int {
        var low = entries.startIndex
        var high = entries.endIndex
        while low < high {
            let middle = (low + high) / 2
            if entries[middle].last < address { low = middle + 1 } else { high = middle }
        }
        return low
    }
}
