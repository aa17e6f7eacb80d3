import LinuxSystem

/// Writes the state of devices as bytes: little-endian integers, counted bytes, and named, versioned sections.
public struct StateWriter: Sendable {
    /// All that has been written.
    public private(set) var bytes: [UInt8] = []

    /// A writer of no bytes.
    public init() {}

    /// A little-endian integer of the type's width.
    public mutating func write<Value: FixedWidthInteger>(_ value: Value) { bytes.append(littleEndian: value) }

    /// One byte, 0 or 1.
    public mutating func write(_ value: Bool) { write(UInt8(value ? 1 : 0)) }

    /// Bytes with their count (32 bits) before them.
    public mutating func write(_ counted: [UInt8]) {
        write(UInt32(counted.count))
        bytes += counted
    }

    /// Text as UTF-8 with its count before it.
    public mutating func write(_ text: String) { write([UInt8](text.utf8)) }

    /// A part that is known by its name, may change with its version, and carries its own length.
    public mutating func section(_ name: String, version: UInt16, _ body: (inout StateWriter) -> Void) {
        var inner = StateWriter()
        body(&inner)
        write(name)
        write(version)
        write(inner.bytes)
    }
}
