extension FixedWidthInteger {
    /// The value's bytes, least significant first: as files, devices and x86 have them.
    @inlinable public var littleEndianBytes: [UInt8] {
        (0..<Self.bitWidth / 8).map { UInt8(truncatingIfNeeded: self >> Self($0 * 8)) }
    }
}

extension [UInt8] {
    /// Appends a value, least significant byte first.
    @inlinable public mutating func append<Value: FixedWidthInteger>(littleEndian value: Value) {
        for place in 0..<Value.bitWidth / 8 { append(UInt8(truncatingIfNeeded: value >> Value(place * 8))) }
    }

    /// Replaces the bytes from an offset on by a value's, least significant first. All of them must be there.
    @inlinable public mutating func replace<Value: FixedWidthInteger>(at offset: Int, littleEndian value: Value) {
        for place in 0..<Value.bitWidth / 8 {
            self[offset + place] = UInt8(truncatingIfNeeded: value >> Value(place * 8))
        }
    }
}

extension [UInt8] {
    /// The value whose bytes, least significant first, begin at an offset. All of them must be there.
    @inlinable public func littleEndianNumber<Value: FixedWidthInteger & UnsignedInteger>(at offset: Int) -> Value {
        (0..<Value.bitWidth / 8).reduce(0) { $0 | Value(self[offset + $1]) << Value($1 * 8) }
    }
}
