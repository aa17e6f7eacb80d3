/// JSON.parse (ECMA-262, 25.5.1): text that is none is an exception.
struct JSONReader {
    private let text: Address
    private let end: UInt32
    private var place: UInt32 = 0
    private static let maxDepth = 64

    static func read(_ text: Address) -> Value {
        var reader = JSONReader(text: text, end: Text.length(text))
        let value = reader.value(depth: 0)
        reader.skipSpace()
        if reader.place != reader.end { abort(.exception) }
        return value
    }

    private var unit: UInt16 { place < end ? Text.unit(text, place) : 0 }

    private mutating func skipSpace() {
        while place < end {
            switch unit {
            case 32, 9, 10, 13: place &+= 1
            default: return
            }
        }
    }

    private mutating func take(_ wanted: UInt16) -> Bool {
        skipSpace()
        guard unit == wanted else { return false }
        place &+= 1
        return true
    }

    private mutating func value(depth: Int) -> Value {
        if depth > Self.maxDepth { abort(.value) }
        skipSpace()
        switch unit {
        case 123: return object(depth: depth)
        case 91: return array(depth: depth)
        case 34: return Value(Tag.string, at: string())
        case 116: return word("true", .true)
        case 102: return word("false", .false)
        case 110: return word("null", .null)
        default: return number()
        }
    }

    private mutating func word(_ word: StaticString, _ value: Value) -> Value {
        forEachByte(of: word) { byte in
            if unit != UInt16(byte) { abort(.exception) }
            place &+= 1
        }
        return value
    }

    private mutating func array(depth: Int) -> Value {
        place &+= 1
        let array = makeArray(4)
        if take(93) { return array }
        repeat { Arrays.push(array.address, value(depth: depth + 1)) } while take(44)
        if !take(93) { abort(.exception) }
        return array
    }

    private mutating func object(depth: Int) -> Value {
        place &+= 1
        let object = makeObject(4)
        if take(125) { return object }
        repeat {
            skipSpace()
            if unit != 34 { abort(.exception) }
            let key = Interning.intern(string())
            if !take(58) { abort(.exception) }
            Objects.set(object.address, key, value(depth: depth + 1))
        } while take(44)
        if !take(125) { abort(.exception) }
        return object
    }

    private mutating func string() -> Address {
        place &+= 1
        let start = place
        while unit != 34, unit != 92, unit >= 32 { place &+= 1 }
        if unit == 34 {
            place &+= 1
            return Text.slice(text, start, place &- 1).address
        }
        var writer = TextWriter(capacity: max(16, (place &- start) &* 2))
        writer.append(text: text, start, place)
        while unit != 34 {
            if unit < 32 { abort(.exception) }
            if unit == 92 {
                writer.append(unit: escape())
            } else {
                writer.append(unit: unit)
                place &+= 1
            }
        }
        place &+= 1
        return writer.finish()
    }

    private mutating func escape() -> UInt16 {
        place &+= 1
        let kind = unit
        place &+= 1
        switch kind {
        case 34, 92, 47: return kind
        case 98: return 8
        case 102: return 12
        case 110: return 10
        case 114: return 13
        case 116: return 9
        case 117:
            var result: UInt16 = 0
            for _ in 0..<4 {
                let digit: UInt16 =
                    switch unit {
                    case 48...57: unit - 48
                    case 65...70: unit - 55
                    case 97...102: unit - 87
                    default: abort(.exception)
                    }
                result = result << 4 | digit
                place &+= 1
            }
            return result
        default: abort(.exception)
        }
    }

    private mutating func skipDigits() {
        if unit < 48 || unit > 57 { abort(.exception) }
        while unit >= 48, unit <= 57 { place &+= 1 }
    }

    private mutating func number() -> Value {
        let start = place
        if unit == 45 { place &+= 1 }
        if unit == 48 { place &+= 1 } else { skipDigits() }
        if unit == 46 {
            place &+= 1
            skipDigits()
        }
        if unit | 32 == 101 {
            place &+= 1
            if unit == 43 || unit == 45 { place &+= 1 }
            skipDigits()
        }
        var position = start
        guard let number = NumberText.decimal(text, &position, place) else { abort(.exception) }
        return Value(number: number)
    }
}
