/// Takes a fuzzer's bytes apart, front to back; at the end it gives zeros.
public struct FuzzInput {
    private var rest: ArraySlice<UInt8>

    public init(_ bytes: [UInt8]) { rest = bytes[...] }

    public var isEmpty: Bool { rest.isEmpty }

    /// A little-endian integer.
    public mutating func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
        var value: Value = 0
        for (place, byte) in bytes(MemoryLayout<Value>.size).enumerated() {
            value |= Value(truncatingIfNeeded: byte) << Value(place * 8)
        }
        return value
    }

    /// A number below a bound.
    public mutating func number(below bound: Int) -> Int { Int(integer(UInt16.self)) % max(1, bound) }

    /// Up to `count` bytes.
    public mutating func bytes(_ count: Int) -> [UInt8] {
        defer { rest = rest.dropFirst(count) }
        return [UInt8](rest.prefix(count))
    }
}
