/// Reads JSON text (RFC 8259) without making values of it: whether it is JSON, and where the members of an object lie. What is
/// passed on is the text itself.
struct JSONDocument {
    /// What is deeper is refused: readers on the way recurse.
    static let maxDepth = 256

    private let bytes: [UInt8]
    private var place = 0
    /// Of the outermost object.
    private(set) var members: [String: Range<Int>] = [:]

    /// Nil: it is no JSON text, or no UTF-8.
    init?(_ bytes: [UInt8]) {
        self.bytes = bytes
        guard String(validating: bytes, as: UTF8.self) != nil, value(depth: 0) else { return nil }
        skipSpace()
        guard place == bytes.count else { return nil }
    }

    /// A member's text; nil: there is none.
    subscript(name: String) -> [UInt8]? { members[name].map { Array(bytes[$0]) } }

    /// A string's text without its quotes and escapes; nil: it is no string.
    static func string(_ text: [UInt8]) -> String? {
        guard text.count >= 2, text.first == quote else { return nil }
        var units: [UInt16] = []
        var rest = text.dropFirst().dropLast()
        while let byte = rest.popFirst() {
            guard byte == backslash else {
                // What follows a first byte belongs to it: the text is valid.
                let end = rest.firstIndex { $0 < 0x80 || $0 >= 0xC0 } ?? rest.endIndex
                units += Array(String(decoding: [byte] + rest[..<end], as: UTF8.self).utf16)
                rest = rest[end...]
                continue
            }
            guard let kind = rest.popFirst() else { return nil }
            if kind == UInt8(ascii: "u") {
                guard let unit = UInt16(String(decoding: rest.prefix(4), as: UTF8.self), radix: 16) else { return nil }
                units.append(unit)
                rest = rest.dropFirst(4)
            } else {
                units.append(UInt16(escapes[kind] ?? kind))
            }
        }
        return String(decoding: units, as: UTF16.self)
    }

    private static let quote = UInt8(ascii: "\"")
    private static let backslash = UInt8(ascii: "\\")
    private static let escapes: [UInt8: UInt8] = [
        UInt8(ascii: "b"): 8, UInt8(ascii: "f"): 12, UInt8(ascii: "n"): 10, UInt8(ascii: "r"): 13, UInt8(ascii: "t"): 9,
    ]

    // MARK: Reading

    private var byte: UInt8 { place < bytes.count ? bytes[place] : 0 }

    private mutating func skipSpace() {
        while place < bytes.count, [0x20, 0x0A, 0x0D, 0x09].contains(bytes[place]) { place += 1 }
    }

    private mutating func take(_ character: Unicode.Scalar) -> Bool {
        guard byte == UInt8(ascii: character) else { return false }
        place += 1
        return true
    }

    private mutating func value(depth: Int) -> Bool {
        guard depth < Self.maxDepth else { return false }
        skipSpace()
        switch byte {
        case UInt8(ascii: "{"): return object(depth: depth)
        case UInt8(ascii: "["): return array(depth: depth)
        case Self.quote: return string()
        case UInt8(ascii: "t"): return word("true")
        case UInt8(ascii: "f"): return word("false")
        case UInt8(ascii: "n"): return word("null")
        default: return number()
        }
    }

    private mutating func word(_ word: String) -> Bool {
        guard bytes[place...].starts(with: word.utf8) else { return false }
        place += word.utf8.count
        return true
    }

    private mutating func digits() -> Bool {
        let start = place
        while (0x30...0x39).contains(byte) { place += 1 }
        return place > start
    }

    private mutating func number() -> Bool {
        _ = take("-")
        if !take("0"), !digits() { return false }
        if take("."), !digits() { return false }
        guard take("e") || take("E") else { return true }
        _ = take("+") || take("-")
        return digits()
    }

    private mutating func string() -> Bool {
        place += 1
        while place < bytes.count, byte != Self.quote {
            guard byte >= 0x20 else { return false }
            guard take("\\") else {
                place += 1
                continue
            }
            if take("u") {
                guard bytes[place...].prefix(4).count == 4, bytes[place..<(place + 4)].allSatisfy(Self.isHexadecimal)
                else { return false }
                place += 4
            } else {
                guard "\"\\/bfnrt".utf8.contains(byte) else { return false }
                place += 1
            }
        }
        return take("\"")
    }

    private static func isHexadecimal(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x46).contains(byte) || (0x61...0x66).contains(byte)
    }

    private mutating func array(depth: Int) -> Bool {
        place += 1
        skipSpace()
        if take("]") { return true }
        repeat {
            guard value(depth: depth + 1) else { return false }
            skipSpace()
        } while take(",")
        return take("]")
    }

    private mutating func object(depth: Int) -> Bool {
        place += 1
        skipSpace()
        if take("}") { return true }
        repeat {
            skipSpace()
            let start = place
            guard byte == Self.quote, string() else { return false }
            let name = depth == 0 ? Self.string(Array(bytes[start..<place])) : nil
            skipSpace()
            guard take(":") else { return false }
            skipSpace()
            let begin = place
            guard value(depth: depth + 1) else { return false }
            // Of several with one name the last counts, as in JavaScript.
            if let name { members[name] = begin..<place }
            skipSpace()
        } while take(",")
        return take("}")
    }
}
