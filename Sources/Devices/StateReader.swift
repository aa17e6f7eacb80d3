/// Reads what `StateWriter` wrote; every count is checked against what is left.
public struct StateReader: Sendable {
    private var rest: ArraySlice<UInt8>

    /// Reads from the first of these bytes on.
    public init(_ bytes: [UInt8]) { rest = bytes[...] }

    /// How many bytes are left.
    public var remaining: Int { rest.count }

    /// A little-endian integer of the type's width; throws where fewer bytes are left.
    public mutating func read<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) throws(StateError) -> Value {
        var value: Value = 0
        for (place, byte) in try take(MemoryLayout<Value>.size).enumerated() {
            value |= Value(truncatingIfNeeded: byte) << Value(place * 8)
        }
        return value
    }

    /// One byte, 0 or 1; throws for any other.
    public mutating func readBool() throws(StateError) -> Bool {
        let value = try read(UInt8.self)
        guard value <= 1 else { throw .invalid("a truth value of \(value)") }
        return value == 1
    }

    /// Bytes that have their count before them.
    public mutating func readBytes() throws(StateError) -> [UInt8] {
        [UInt8](try take(Int(read(UInt32.self))))
    }

    /// Counted bytes as UTF-8; what is none becomes U+FFFD.
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
