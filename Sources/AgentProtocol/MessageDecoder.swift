/// Reads fields from a peer's bytes. Every length is checked against its limit and against what is there before
/// anything is allocated, so a hostile message costs at most a small multiple of its own length.
public struct MessageDecoder {
    private let bytes: [UInt8]
    private var position = 0

    /// Of a payload.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Bytes not read yet.
    public var remaining: Int { bytes.count - position }

    /// Little-endian. Throws `truncated` where bytes are missing.
    public mutating func integer<Integer: FixedWidthInteger>(
        _ type: Integer.Type = Integer.self
    ) throws(ProtocolError) -> Integer {
        let width = Integer.bitWidth / 8
        try demand(width)
        var value: Integer = 0
        for index in 0..<width {
            value |= Integer(truncatingIfNeeded: bytes[position + index]) << (8 * index)
        }
        position += width
        return value
    }

    /// One byte, 0 or 1. Throws `truncated`, or `invalidValue` for another.
    public mutating func flag(_ field: StaticString) throws(ProtocolError) -> Bool {
        let value: UInt8 = try integer()
        guard value <= 1 else { throw .invalidValue(field: field, value: UInt64(value)) }
        return value == 1
    }

    /// A 32-bit count, then so many bytes. Throws `tooLong` or `truncated` before anything is allocated.
    public mutating func blob(_ field: StaticString, atMost limit: Int) throws(ProtocolError) -> [UInt8] {
        let count = try length(field, limit)
        try demand(count)
        defer { position += count }
        return [UInt8](bytes[position..<(position + count)])
    }

    /// UTF-8 without zero bytes.
    public mutating func text(_ field: StaticString, atMost limit: Int) throws(ProtocolError) -> String {
        let contents = try blob(field, atMost: limit)
        guard !contents.contains(0), let text = String(validating: contents, as: UTF8.self) else {
            throw .invalidText(field: field)
        }
        return text
    }

    /// A text that is shown to people: control characters, which could command a terminal, become question marks.
    public mutating func message(_ field: StaticString, atMost limit: Int) throws(ProtocolError) -> String {
        var contents = try blob(field, atMost: limit)
        for index in contents.indices where contents[index] < 0x20 || contents[index] == 0x7F {
            contents[index] = UInt8(ascii: "?")
        }
        // U+0080 … U+009F, the C1 control characters, are C2 80 … C2 9F in UTF-8.
        for index in contents.indices.dropFirst()
        where contents[index - 1] == 0xC2 && (0x80..<0xA0).contains(contents[index]) {
            contents[index] = 0xBF
        }
        guard let text = String(validating: contents, as: UTF8.self) else { throw .invalidText(field: field) }
        return text
    }

    /// A 32-bit count, then so many elements. Throws `tooLong`, or what `decode` throws.
    public mutating func list<Element>(
        _ field: StaticString, atMost limit: Int,
        _ decode: (inout MessageDecoder) throws(ProtocolError) -> Element
    ) throws(ProtocolError) -> [Element] {
        let count = try length(field, limit)
        // Every element takes a byte at least.
        try demand(count)
        var elements: [Element] = []
        for _ in 0..<count { elements.append(try decode(&self)) }
        return elements
    }

    /// A flag, then the value where it is 1. Throws what `flag` and `decode` throw.
    public mutating func optional<Value>(
        _ field: StaticString, _ decode: (inout MessageDecoder) throws(ProtocolError) -> Value
    ) throws(ProtocolError) -> Value? {
        try flag(field) ? try decode(&self) : nil
    }

    /// Ends the message: there must be no bytes left.
    public func end() throws(ProtocolError) {
        guard remaining == 0 else { throw .trailingBytes(count: remaining) }
    }

    private mutating func length(_ field: StaticString, _ limit: Int) throws(ProtocolError) -> Int {
        let count = Int(try integer(UInt32.self))
        guard count <= limit else { throw .tooLong(field: field, count: count, limit: limit) }
        return count
    }

    private func demand(_ count: Int) throws(ProtocolError) {
        guard count <= remaining else { throw .truncated(missing: count - remaining) }
    }

    mutating func texts(_ field: StaticString, atMost limit: Int, each: Int) throws(ProtocolError) -> [String] {
        try list(field, atMost: limit) { decoder throws(ProtocolError) in try decoder.text(field, atMost: each) }
    }

    /// Bytes without a zero.
    mutating func string(_ field: StaticString, atMost limit: Int) throws(ProtocolError) -> CString {
        let bytes = try blob(field, atMost: limit)
        guard !bytes.contains(0) else { throw .invalidText(field: field) }
        return CString(bytes)
    }

    /// Strings one after the other, each with a zero behind it.
    mutating func strings(_ field: StaticString) throws(ProtocolError) -> CStringList {
        let list = CStringList(decoded: try blob(field, atMost: Limits.argumentBytes))
        guard list.bytes.isEmpty || list.bytes.last == 0 else { throw .invalidText(field: field) }
        if let violation = list.violation(field) { throw violation }
        return list
    }
}
