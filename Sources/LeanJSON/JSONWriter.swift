/// Writes a JSON object (RFC 8259), member by member; nil values are left out.
public struct JSONWriter {
    private var members: [UInt8] = []

    public init() {}

    /// The object, in UTF-8, on one line.
    public var object: [UInt8] { [UInt8(ascii: "{")] + members + [UInt8(ascii: "}")] }

    public mutating func text(_ name: String, _ value: String?) {
        guard let value else { return }
        begin(name)
        append(value)
    }

    public mutating func texts(_ name: String, _ values: [String]?) {
        guard let values else { return }
        begin(name)
        list(values) { $0.append($1) }
    }

    public mutating func number(_ name: String, _ value: some FixedWidthInteger) {
        begin(name)
        members += Array(String(value).utf8)
    }

    public mutating func flag(_ name: String, _ value: Bool) {
        begin(name)
        members += Array((value ? "true" : "false").utf8)
    }

    /// A value that is JSON already.
    public mutating func object(_ name: String, _ value: [UInt8]) {
        begin(name)
        members += value
    }

    /// Values that are JSON already.
    public mutating func list(_ name: String, _ values: [[UInt8]]) {
        begin(name)
        list(values) { $0.members += $1 }
    }

    private mutating func list<Element>(_ values: [Element], _ write: (inout JSONWriter, Element) -> Void) {
        members.append(UInt8(ascii: "["))
        for (index, value) in values.enumerated() {
            if index > 0 { members.append(UInt8(ascii: ",")) }
            write(&self, value)
        }
        members.append(UInt8(ascii: "]"))
    }

    private mutating func begin(_ name: String) {
        if !members.isEmpty { members.append(UInt8(ascii: ",")) }
        append(name)
        members.append(UInt8(ascii: ":"))
    }

    private mutating func append(_ text: String) {
        let digits = Array("0123456789abcdef".utf8)
        members.append(UInt8(ascii: "\""))
        for byte in text.utf8 {
            switch byte {
            case UInt8(ascii: "\""), UInt8(ascii: "\\"): members += [UInt8(ascii: "\\"), byte]
            case 0..<0x20: members += Array("\\u00".utf8) + [digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            default: members.append(byte)
            }
        }
        members.append(UInt8(ascii: "\""))
    }
}
