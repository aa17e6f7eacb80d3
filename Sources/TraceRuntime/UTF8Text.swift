/// Strings to and from the bytes that cross to the host.
enum UTF8Text {
    struct Bytes {
        let start: Address
        let count: UInt32
    }

    /// UTF-8; half a surrogate pair becomes U+FFFD, as everywhere where programs' strings leave them.
    static func encode(_ string: Address) -> Bytes {
        let text = Text.flatten(string)
        let length = Text.length(text)
        var isPlain = !Text.isWide(text)
        if isPlain {
            for place in 0..<length where Text.unit(text, place) > 127 {
                isPlain = false
                break
            }
        }
        if isPlain { return Bytes(start: text &+ Text.header, count: length) }
        var writer = TextWriter(capacity: length &* 2)
        var place: UInt32 = 0
        while place < length {
            let unit = UInt32(Text.unit(text, place))
            place &+= 1
            var scalar = unit
            if unit & 0xf800 == 0xd800 {
                scalar = 0xfffd
                if unit < 0xdc00, place < length, Text.unit(text, place) & 0xfc00 == 0xdc00 {
                    scalar = 0x10000 &+ (unit & 0x3ff) << 10 &+ UInt32(Text.unit(text, place)) & 0x3ff
                    place &+= 1
                }
            }
            append(scalar, to: &writer)
        }
        return Bytes(start: writer.finish() &+ Text.header, count: writer.length)
    }

    private static func append(_ scalar: UInt32, to writer: inout TextWriter) {
        switch scalar {
        case 0..<0x80: writer.append(byte: UInt8(scalar))
        case 0x80..<0x800:
            writer.append(byte: UInt8(0xc0 | scalar >> 6))
            writer.append(byte: UInt8(0x80 | scalar & 63))
        case 0x800..<0x10000:
            writer.append(byte: UInt8(0xe0 | scalar >> 12))
            writer.append(byte: UInt8(0x80 | scalar >> 6 & 63))
            writer.append(byte: UInt8(0x80 | scalar & 63))
        default:
            writer.append(byte: UInt8(0xf0 | scalar >> 18))
            writer.append(byte: UInt8(0x80 | scalar >> 12 & 63))
            writer.append(byte: UInt8(0x80 | scalar >> 6 & 63))
            writer.append(byte: UInt8(0x80 | scalar & 63))
        }
    }

    /// The string of bytes; what is no UTF-8 ends the event.
    static func decode(_ start: Address, _ count: UInt32) -> Address {
        var plain: UInt32 = 0
        while plain < count, load8(start &+ plain) < 128 { plain &+= 1 }
        if plain == count {
            let text = Text.make(length: count, isWide: false)
            copyMemory(to: text &+ Text.header, from: start, count: count)
            return text
        }
        var writer = TextWriter(capacity: count)
        var place: UInt32 = 0
        while place < count { append(decoded(start, &place, count), units: &writer) }
        return writer.finish()
    }

    private static func append(_ scalar: UInt32, units writer: inout TextWriter) {
        if scalar < 0x10000 { return writer.append(unit: UInt16(scalar)) }
        writer.append(unit: UInt16(0xd800 | (scalar &- 0x10000) >> 10))
        writer.append(unit: UInt16(0xdc00 | scalar & 0x3ff))
    }

    private static func decoded(_ start: Address, _ place: inout UInt32, _ count: UInt32) -> UInt32 {
        let first = UInt32(load8(start &+ place))
        place &+= 1
        if first < 128 { return first }
        let length: UInt32 = first >= 0xf0 ? 3 : first >= 0xe0 ? 2 : 1
        if first < 0xc2 || first > 0xf4 || place &+ length > count { abort(.value) }
        var scalar = first & (0x3f >> length)
        for _ in 0..<length {
            let byte = UInt32(load8(start &+ place))
            if byte & 0xc0 != 0x80 { abort(.value) }
            scalar = scalar << 6 | byte & 63
            place &+= 1
        }
        let least: UInt32 = length == 1 ? 0x80 : length == 2 ? 0x800 : 0x10000
        if scalar < least || scalar > 0x10ffff || scalar & 0x1ff800 == 0xd800 { abort(.value) }
        return scalar
    }
}
