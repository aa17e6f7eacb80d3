/// A JSON document of a container's, with bounds on all of it.
public indirect enum TraceDocument: Equatable, Sendable {
    case null
    case bool(Bool)
    case number(Double)
    case text(TraceText)
    case array([TraceDocument])
    case object([String: TraceDocument])

    /// Bytes of a document.
    public static let maxBytes = 8 << 20
    static let maxDepth = 512
    /// Values of all kinds in a document.
    static let maxValues = 1_000_000
    /// UTF-16 units of one string.
    static let maxUnits = 1 << 20

    /// Reads a document (RFC 8259).
    public init(_ bytes: [UInt8]) throws(TraceError) {
        guard bytes.count <= Self.maxBytes else {
            throw TraceError("\(bytes.count) bytes", expected: "at most \(Self.maxBytes)")
        }
        var reader = Reader(bytes: bytes)
        self = try reader.value(depth: 0)
        reader.skipSpace()
        guard reader.place == bytes.count else { throw reader.unexpected("the document's end") }
    }

    public subscript(key: String) -> TraceDocument? {
        if case .object(let members) = self { members[key] } else { nil }
    }
    public var elements: [TraceDocument]? { if case .array(let elements) = self { elements } else { nil } }
    public var text: String? { if case .text(let text) = self { text.text } else { nil } }
    public var isTrue: Bool { self == .bool(true) }

    /// A whole number that is not negative, and fits.
    public var count: Int? {
        guard case .number(let number) = self, number >= 0, number < 4_294_967_296, number.rounded() == number else {
            return nil
        }
        return Int(number)
    }

    private struct Reader {
        let bytes: [UInt8]
        var place = 0
        var values = 0

        func unexpected(_ expected: String) -> TraceError {
            TraceError(
                place < bytes.count ? "byte \(bytes[place]) at \(place)" : "the end at \(place)", expected: expected)
        }

        private var byte: UInt8 { place < bytes.count ? bytes[place] : 0 }

        mutating func skipSpace() {
            while place < bytes.count, [0x20, 0x0a, 0x0d, 0x09].contains(bytes[place]) { place += 1 }
        }

        private mutating func take(_ wanted: Character) -> Bool {
            skipSpace()
            guard byte == wanted.asciiValue else { return false }
            place += 1
            return true
        }

        mutating func value(depth: Int) throws(TraceError) -> TraceDocument {
            guard depth < maxDepth else { throw TraceError("a depth of \(depth)", expected: "at most \(maxDepth)") }
            values += 1
            guard values <= maxValues else { throw TraceError("\(values) values", expected: "at most \(maxValues)") }
            skipSpace()
            switch byte {
            case UInt8(ascii: "{"): return try object(depth: depth)
            case UInt8(ascii: "["): return try array(depth: depth)
            case UInt8(ascii: "\""): return .text(try string())
            case UInt8(ascii: "t"): return try word("true", .bool(true))
            case UInt8(ascii: "f"): return try word("false", .bool(false))
            case UInt8(ascii: "n"): return try word("null", .null)
            default: return try number()
            }
        }

        private mutating func word(_ word: String, _ value: TraceDocument) throws(TraceError) -> TraceDocument {
            guard bytes[place...].starts(with: word.utf8) else { throw unexpected(word) }
            place += word.utf8.count
            return value
        }

        private mutating func number() throws(TraceError) -> TraceDocument {
            let start = place
            while place < bytes.count, bytes[place] > 0x20, ![0x2c, 0x5d, 0x7d].contains(bytes[place]),
                place - start < 400
            { place += 1 }
            let text = String(decoding: bytes[start..<place], as: UTF8.self)
            let isPlain = text.utf8.allSatisfy {
                (0x30...0x39).contains($0) || [0x2b, 0x2d, 0x2e, 0x45, 0x65].contains($0)
            }
            guard isPlain, let number = Double(text) else {
                place = start
                throw unexpected("a value")
            }
            return .number(number)
        }

        private mutating func array(depth: Int) throws(TraceError) -> TraceDocument {
            place += 1
            var elements: [TraceDocument] = []
            if take("]") { return .array(elements) }
            repeat { elements.append(try value(depth: depth + 1)) } while take(",")
            guard take("]") else { throw unexpected("',' or ']'") }
            return .array(elements)
        }

        private mutating func object(depth: Int) throws(TraceError) -> TraceDocument {
            place += 1
            var members: [String: TraceDocument] = [:]
            if take("}") { return .object(members) }
            repeat {
                skipSpace()
                guard byte == UInt8(ascii: "\"") else { throw unexpected("a member's name") }
                let key = try string().text
                guard take(":") else { throw unexpected("':'") }
                members[key] = try value(depth: depth + 1)
            } while take(",")
            guard take("}") else { throw unexpected("',' or '}'") }
            return .object(members)
        }

        private mutating func string() throws(TraceError) -> TraceText {
            place += 1
            var units: [UInt16] = []
            var start = place
            while byte != UInt8(ascii: "\"") {
                guard place < bytes.count, byte >= 0x20 else { throw unexpected("a string's end") }
                guard units.count <= maxUnits, place - start <= maxUnits else {
                    throw TraceError("a string of more than \(maxUnits) units", expected: "at most that")
                }
                guard byte == UInt8(ascii: "\\") else {
                    place += 1
                    continue
                }
                units += Array(String(decoding: bytes[start..<place], as: UTF8.self).utf16)
                units.append(try escape())
                start = place
            }
            units += Array(String(decoding: bytes[start..<place], as: UTF8.self).utf16)
            place += 1
            return TraceText(units: units)
        }

        private mutating func escape() throws(TraceError) -> UInt16 {
            place += 2
            guard place <= bytes.count else { throw unexpected("an escape") }
            switch bytes[place - 1] {
            case UInt8(ascii: "b"): return 8
            case UInt8(ascii: "f"): return 12
            case UInt8(ascii: "n"): return 10
            case UInt8(ascii: "r"): return 13
            case UInt8(ascii: "t"): return 9
            case UInt8(ascii: "\""), UInt8(ascii: "\\"), UInt8(ascii: "/"): return UInt16(bytes[place - 1])
            case UInt8(ascii: "u"):
                let digits = String(decoding: bytes[place..<min(place + 4, bytes.count)], as: UTF8.self)
                guard digits.utf8.count == 4, digits.first != "+", let unit = UInt16(digits, radix: 16) else {
                    throw unexpected("four hexadecimal digits")
                }
                place += 4
                return unit
            default: throw unexpected("an escape")
            }
        }
    }
}
