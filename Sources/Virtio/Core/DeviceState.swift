/// Why saved state was refused. Saved state is a file that others could have touched: never trusted.
public enum StateError: Error, Equatable, CustomStringConvertible {
    /// The state ends before a field does.
    case truncated(wanted: Int, remaining: Int)
    /// Another section stands where this one was expected.
    case wrongSection(found: String, expected: String)
    /// The section was written by another version of the device.
    case unknownVersion(section: String, found: UInt16, newest: UInt16)
    /// A section holds more than its version defines.
    case trailingBytes(section: String, count: Int)
    /// A field has a value that the device can never have had.
    case invalid(String)

    public var description: String {
        switch self {
        case .truncated(let wanted, let remaining): "saved state ends early: \(wanted) bytes wanted, \(remaining) left"
        case .wrongSection(let found, let expected):
            "saved state has section '\(found)' where '\(expected)' was expected"
        case .unknownVersion(let section, let found, let newest):
            "saved state of '\(section)' has version \(found), this program knows up to \(newest)"
        case .trailingBytes(let section, let count): "saved state of '\(section)' has \(count) bytes too many"
        case .invalid(let reason): "saved state is invalid: \(reason)"
        }
    }
}

/// Writes the state of devices as bytes: little-endian integers, counted bytes, and named, versioned sections.
public struct StateWriter: Sendable {
    public private(set) var bytes: [UInt8] = []

    public init() {}

    public mutating func write<Value: FixedWidthInteger>(_ value: Value) {
        var rest = value.littleEndian
        for _ in 0..<MemoryLayout<Value>.size {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            // A shift by 8 of an 8-bit value is defined and gives 0.
            rest >>= 8
        }
    }

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

/// Reads what `StateWriter` wrote; every count is checked against what is left.
public struct StateReader: Sendable {
    private var rest: ArraySlice<UInt8>

    public init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// How many bytes are left.
    public var remaining: Int { rest.count }

    public mutating func read<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(StateError) -> Value {
        var value: Value = 0
        for (place, byte) in try take(MemoryLayout<Value>.size).enumerated() {
            value |= Value(truncatingIfNeeded: byte) << Value(place * 8)
        }
        return value
    }

    public mutating func readBool() throws(StateError) -> Bool {
        let value = try read(UInt8.self)
        guard value <= 1 else { throw .invalid("a truth value of \(value)") }
        return value == 1
    }

    /// Bytes that have their count before them.
    public mutating func readBytes() throws(StateError) -> [UInt8] {
        [UInt8](try take(Int(read(UInt32.self))))
    }

    public mutating func readText() throws(StateError) -> String {
        String(decoding: try readBytes(), as: UTF8.self)
    }

    /// Opens the section that comes next, which must have this name and a version up to `newest`; the body gets a
    /// reader of the section alone and its version, and must read all of it.
    public mutating func section<Result>(
        _ name: String, newest: UInt16, _ body: (inout StateReader, UInt16) throws(StateError) -> Result
    ) throws(StateError) -> Result {
        let found = try readText()
        guard found == name else { throw .wrongSection(found: String(found.prefix(64)), expected: name) }
        let version = try read(UInt16.self)
        guard (1...newest).contains(version) else {
            throw .unknownVersion(section: name, found: version, newest: newest)
        }
        var inner = StateReader(try readBytes())
        let result = try body(&inner, version)
        guard inner.remaining == 0 else { throw .trailingBytes(section: name, count: inner.remaining) }
        return result
    }

    private mutating func take(_ count: Int) throws(StateError) -> ArraySlice<UInt8> {
        guard count <= rest.count else { throw .truncated(wanted: count, remaining: rest.count) }
        defer { rest = rest.dropFirst(count) }
        return rest.prefix(count)
    }
}
