/// Writes fields, little-endian, lengths before contents. It keeps the first violation of a limit instead of throwing
/// at each field; the maker of the frame throws it, so nothing is sent that the peer would refuse.
public struct MessageEncoder {
    /// What was written so far.
    public private(set) var bytes: [UInt8] = []
    /// The first field that was over its limit, which is not written whole: the message is not to be sent.
    public private(set) var violation: ProtocolError?

    /// Nothing written.
    public init() {}

    /// Little-endian.
    public mutating func integer<Integer: FixedWidthInteger>(_ value: Integer) {
        var rest = value
        for _ in 0..<(Integer.bitWidth / 8) {
            bytes.append(UInt8(truncatingIfNeeded: rest))
            rest >>= 8
        }
    }

    /// One byte, 0 or 1.
    public mutating func flag(_ value: Bool) { bytes.append(value ? 1 : 0) }

    /// A 32-bit count, then the bytes; a `violation` beyond the limit.
    public mutating func blob(_ value: [UInt8], _ field: StaticString, atMost limit: Int) {
        guard admit(value.count, field, limit) else { return }
        integer(UInt32(value.count))
        bytes += value
    }

    /// A text without zero bytes: it becomes a C string in the guest.
    public mutating func text(_ value: String, _ field: StaticString, atMost limit: Int) {
        let contents = value.utf8
        guard admit(contents.count, field, limit) else { return }
        if contents.contains(0) { note(.invalidText(field: field)) }
        integer(UInt32(contents.count))
        bytes += contents
    }

    /// A text for people: one that is too long is cut at a character's end, so that no message fails for its words.
    public mutating func message(_ value: String, _ field: StaticString, atMost limit: Int) {
        var contents = [UInt8](value.utf8)
        var end = min(contents.count, limit)
        // Bytes 10xxxxxx continue a character: none of those may be the first that is cut off.
        while end > 0, end < contents.count, contents[end] & 0xC0 == 0x80 { end -= 1 }
        contents.removeLast(contents.count - end)
        for index in contents.indices where contents[index] == 0 { contents[index] = UInt8(ascii: "?") }
        blob(contents, field, atMost: limit)
    }

    /// A 32-bit count, then the elements; a `violation` beyond the limit.
    public mutating func list<Element>(
        _ value: [Element], _ field: StaticString, atMost limit: Int,
        _ encode: (inout MessageEncoder, Element) -> Void
    ) {
        guard admit(value.count, field, limit) else { return }
        integer(UInt32(value.count))
        for element in value { encode(&self, element) }
    }

    /// A flag, then the value where there is one.
    public mutating func optional<Value>(_ value: Value?, _ encode: (inout MessageEncoder, Value) -> Void) {
        flag(value != nil)
        if let value { encode(&self, value) }
    }

    private mutating func admit(_ count: Int, _ field: StaticString, _ limit: Int) -> Bool {
        if count <= limit { return true }
        note(.tooLong(field: field, count: count, limit: limit))
        return false
    }

    mutating func note(_ error: ProtocolError) {
        if violation == nil { violation = error }
    }

    mutating func texts(_ texts: [String], _ field: StaticString, atMost limit: Int, each: Int) {
        list(texts, field, atMost: limit) { $0.text($1, field, atMost: each) }
    }

    /// A 32-bit length, then the bytes; a `violation` for a zero among them, or beyond the limit.
    mutating func string(_ value: CString, _ field: StaticString, atMost limit: Int) {
        if value.bytes.contains(0) { note(.invalidText(field: field)) }
        blob(value.bytes, field, atMost: limit)
    }

    /// A 32-bit length of all, then each with its zero; a `violation` where all or one are too long.
    mutating func strings(_ value: CStringList, _ field: StaticString) {
        if let violation = value.violation(field) { note(violation) }
        blob(value.bytes, field, atMost: Limits.argumentBytes)
    }
}
