/// Numbers as text and back, as ECMA-262 has them (6.1.6.1.20, 7.1.4.1).
enum NumberText {
    /// The shortest decimal digits that read back as the number.
    static func make(_ number: Double) -> Address {
        if number.isNaN { return Text.literal("NaN").address }
        if number == 0 { return Text.character(48).address }
        if number.isInfinite { return Text.literal(number < 0 ? "-Infinity" : "Infinity").address }
        if number.magnitude < 9_007_199_254_740_992, number == number.rounded(.towardZero) {
            return makeWhole(UInt64(number.magnitude), isNegative: number < 0, radix: 10)
        }
        var writer = TextWriter(capacity: 32)
        var digits: [UInt8] = []
        let point = shortest(number.magnitude, &digits)
        if number < 0 { writer.append(byte: 45) }
        let count = digits.count
        if point > 21 || point < -5 {
            writer.append(byte: digits[0])
            if count > 1 { writer.append(byte: 46) }
            for place in 1..<max(1, count) { writer.append(byte: digits[place]) }
            writer.append(byte: 101)
            writer.append(byte: point > 0 ? 43 : 45)
            writer.append(text: makeWhole(UInt64((point - 1).magnitude), isNegative: false, radix: 10))
        } else {
            if point <= 0 {
                writer.append(byte: 48)
                writer.append(byte: 46)
                for _ in point..<0 { writer.append(byte: 48) }
            }
            for place in 0..<count {
                if point > 0, place == point { writer.append(byte: 46) }
                writer.append(byte: digits[place])
            }
            for _ in count..<max(count, point) { writer.append(byte: 48) }
        }
        return writer.finish()
    }

    /// Digits without zeros at their ends, and where the point is: 0.d1d2… times ten to that.
    private static func shortest(_ number: Double, _ digits: inout [UInt8]) -> Int {
        var point = 0
        var exponent = 0
        var hasPoint = false
        var isExponent = false
        var isNegative = false
        for byte in number.description.utf8 {
            switch byte {
            case 46: hasPoint = true
            case 101: isExponent = true
            case 45: isNegative = true
            case 48...57:
                if isExponent {
                    exponent = exponent * 10 + Int(byte - 48)
                } else {
                    if !(digits.isEmpty && byte == 48) { digits.append(byte) }
                    if !hasPoint, !digits.isEmpty { point += 1 }
                    if hasPoint, digits.isEmpty { point -= 1 }
                }
            default: break
            }
        }
        while digits.last == 48 { digits.removeLast() }
        return point + (isNegative ? -exponent : exponent)
    }

    static func makeWhole(_ number: UInt64, isNegative: Bool, radix: UInt64) -> Address {
        if number < min(10, radix), !isNegative { return Text.character(48 + UInt16(number)).address }
        var left = number
        var length: UInt32 = isNegative ? 1 : 0
        repeat {
            length &+= 1
            left /= radix
        } while left > 0
        let text = Text.make(length: length, isWide: false)
        left = number
        var place = length
        repeat {
            place &-= 1
            let digit = UInt8(left % radix)
            store8(text &+ Text.header &+ place, digit < 10 ? 48 &+ digit : 87 &+ digit)
            left /= radix
        } while left > 0
        if isNegative { store8(text &+ Text.header, 45) }
        return text
    }

    /// `toFixed`: the exact value, rounded at a digit, half away from zero.
    static func fixed(_ number: Double, _ digits: Int) -> Address {
        if !number.isFinite || number.magnitude >= 1e21 { return make(number) }
        var value = BigNumber(number.magnitude == 0 ? 0 : significand(number))
        let exponent = number.magnitude == 0 ? 0 : exponent(number)
        value.multiply(byPowerOfTen: digits)
        if exponent >= 0 {
            value.shiftLeft(by: exponent)
        } else {
            var half = BigNumber(1)
            half.shiftLeft(by: -exponent - 1)
            value.add(half)
            value.shiftRight(by: -exponent)
        }
        var bytes: [UInt8] = []
        let isZero = value.isZero
        while !value.isZero || bytes.count <= digits { bytes.append(48 + UInt8(value.divide(by: 10))) }
        var writer = TextWriter(capacity: UInt32(bytes.count) + 2)
        // A negative number keeps its sign even where only zeros are left; minus zero has none.
        if number < 0, !isZero || number != 0 { writer.append(byte: 45) }
        var place = bytes.count - 1
        while place >= 0 {
            writer.append(byte: bytes[place])
            if place == digits, digits > 0 { writer.append(byte: 46) }
            place -= 1
        }
        return writer.finish()
    }

    /// The number is its significand times two to its exponent.
    private static func significand(_ number: Double) -> UInt64 {
        number.isNormal ? number.significandBitPattern | 1 << 52 : number.significandBitPattern
    }
    private static func exponent(_ number: Double) -> Int {
        number.isNormal ? Int(number.exponentBitPattern) - 1075 : -1074
    }

    static func isSpace(_ unit: UInt16) -> Bool {
        switch unit {
        case 9...13, 32, 0xa0, 0x1680, 0x2000...0x200a, 0x2028, 0x2029, 0x202f, 0x205f, 0x3000, 0xfeff: true
        default: false
        }
    }

    /// A flat string as a number, all of it but space around.
    static func parse(_ text: Address) -> Double {
        var start: UInt32 = 0
        var end = Text.length(text)
        while start < end, isSpace(Text.unit(text, start)) { start &+= 1 }
        while end > start, isSpace(Text.unit(text, end &- 1)) { end &-= 1 }
        if start == end { return 0 }
        if end &- start > 2, Text.unit(text, start) == 48 {
            let radix: UInt64 =
                switch Text.unit(text, start &+ 1) | 32 {
                case 120: 16
                case 111: 8
                case 98: 2
                default: 0
                }
            if radix > 0 { return digits(text, start &+ 2, end, radix: radix, isPrefix: false) ?? .nan }
        }
        var place = start
        let number = decimal(text, &place, end)
        return place == end ? number ?? .nan : .nan
    }

    /// Digits of a radix; nil: there are none, or, unless a prefix suffices, something else.
    static func digits(_ text: Address, _ start: UInt32, _ end: UInt32, radix: UInt64, isPrefix: Bool) -> Double? {
        var number: UInt64 = 0
        var place = start
        while place < end {
            let unit = Text.unit(text, place)
            let digit: UInt64 =
                switch unit {
                case 48...57: UInt64(unit - 48)
                case 97...122: UInt64(unit - 87)
                case 65...90: UInt64(unit - 55)
                default: 99
                }
            if digit >= radix {
                if isPrefix { break }
                return nil
            }
            number = number &* radix &+ digit
            // Above, digits are dropped in ways of an engine's own.
            if number >= 1 << 53 { abort(.value) }
            place &+= 1
        }
        return place == start ? nil : Double(number)
    }

    /// A decimal number at a place, which is then after it; nil: there is none.
    static func decimal(_ text: Address, _ place: inout UInt32, _ end: UInt32) -> Double? {
        var isNegative = false
        func unit(_ place: UInt32) -> UInt16 { place < end ? Text.unit(text, place) : 0 }
        if unit(place) == 43 || unit(place) == 45 {
            isNegative = unit(place) == 45
            place &+= 1
        }
        let infinity = Text.literal("Infinity").address
        if end &- place >= 8, Text.matches(infinity, in: text, at: place) {
            place &+= 8
            return isNegative ? -.infinity : .infinity
        }
        var reader = DecimalReader()
        while unit(place) >= 48, unit(place) <= 57 {
            reader.append(unit(place))
            place &+= 1
        }
        if unit(place) == 46 {
            let hasDigits = reader.hasDigits
            if hasDigits || (unit(place &+ 1) >= 48 && unit(place &+ 1) <= 57) { place &+= 1 }
            reader.isFraction = true
            while unit(place) >= 48, unit(place) <= 57 {
                reader.append(unit(place))
                place &+= 1
            }
        }
        guard reader.hasDigits else { return nil }
        if unit(place) | 32 == 101 { readExponent(unit, &place, &reader) }
        let number = reader.value()
        return isNegative ? -number : number
    }

    private static func readExponent(_ unit: (UInt32) -> UInt16, _ place: inout UInt32, _ reader: inout DecimalReader) {
        var next = place &+ 1
        var isNegative = false
        if unit(next) == 43 || unit(next) == 45 {
            isNegative = unit(next) == 45
            next &+= 1
        }
        guard unit(next) >= 48, unit(next) <= 57 else { return }
        var exponent = 0
        while unit(next) >= 48, unit(next) <= 57 {
            exponent = min(exponent * 10 + Int(unit(next) - 48), 100_000)
            next &+= 1
        }
        reader.exponent += isNegative ? -exponent : exponent
        place = next
    }
}
