import LinuxSystem

/// Bytes of ACPI tables, one after another in one piece of memory. Everything is little-endian.
struct TableWriter {
    private(set) var bytes: [UInt8] = []

    init(capacity: Int) { bytes.reserveCapacity(capacity) }

    mutating func u8(_ value: UInt8) { bytes.append(value) }

    mutating func u16(_ value: UInt16) { bytes.append(littleEndian: value) }

    mutating func u32(_ value: UInt32) { bytes.append(littleEndian: value) }

    mutating func u64(_ value: UInt64) { bytes.append(littleEndian: value) }

    mutating func text(_ text: String) { bytes.append(contentsOf: text.utf8) }

    mutating func zeros(_ count: Int) { fill(0, count) }

    mutating func fill(_ byte: UInt8, _ count: Int) { bytes.append(contentsOf: repeatElement(byte, count: count)) }

    /// Replaces a byte that was written before.
    mutating func patch(u8 value: UInt8, at offset: Int) { bytes[offset] = value }

    /// Replaces a 32-bit field that was written before.
    mutating func patch(u32 value: UInt32, at offset: Int) { bytes.replace(at: offset, littleEndian: value) }

    /// Replaces a 64-bit field that was written before.
    mutating func patch(u64 value: UInt64, at offset: Int) { bytes.replace(at: offset, littleEndian: value) }

    /// Makes the sum of a range's bytes zero by means of one byte within it.
    mutating func setChecksum(at offset: Int, over range: Range<Int>) {
        bytes[offset] = 0
        let sum = bytes[range].reduce(UInt8(0), &+)
        bytes[offset] = 0 &- sum
    }

    /// A table with its header (ACPI 6.5 §5.2.6), aligned to 8; length and checksum follow from what `body` writes.
    /// The offset of the table's first byte.
    mutating func table(_ signature: String, revision: UInt8, body: (inout TableWriter) -> Void) -> Int {
        zeros((8 - bytes.count % 8) % 8)
        let start = bytes.count
        text(signature)
        u32(0)  // length
        u8(revision)
        u8(0)  // checksum
        text("CZONE ")
        text("MACHINE ")
        u32(1)  // OEM revision
        text("CZON")
        u32(1)  // creator revision
        body(&self)
        patch(u32: UInt32(bytes.count - start), at: start + 4)
        setChecksum(at: start + 9, over: start..<bytes.count)
        return start
    }
}
