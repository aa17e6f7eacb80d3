/// A whole number of any size: words of 32 bits, the least first, the last not 0. For what double arithmetic cannot do
/// exactly: long decimal numbers, and digits after the point.
struct BigNumber {
    private var words: [UInt32] = []

    init(_ value: UInt64) {
        words = [UInt32(truncatingIfNeeded: value), UInt32(value >> 32)]
        trim()
    }

    private mutating func trim() { while words.last == 0 { words.removeLast() } }

    var isZero: Bool { words.isEmpty }
    var bitCount: Int { words.isEmpty ? 0 : words.count * 32 - words[words.count - 1].leadingZeroBitCount }

    mutating func multiply(by factor: UInt32, adding carry: UInt32 = 0) {
        var carry = UInt64(carry)
        for place in 0..<words.count {
            carry += UInt64(words[place]) * UInt64(factor)
            words[place] = UInt32(truncatingIfNeeded: carry)
            carry >>= 32
        }
        if carry > 0 { words.append(UInt32(carry)) }
        trim()
    }

    mutating func multiply(byPowerOfTen exponent: Int) {
        var left = exponent
        while left >= 9 {
            multiply(by: 1_000_000_000)
            left -= 9
        }
        while left > 0 {
            multiply(by: 10)
            left -= 1
        }
    }

    mutating func shiftLeft(by count: Int) {
        guard count > 0, !words.isEmpty else { return }
        multiply(by: 1 << UInt32(count % 32))
        words.insert(contentsOf: [UInt32](repeating: 0, count: count / 32), at: 0)
    }

    mutating func shiftRight(by count: Int) {
        guard count / 32 < words.count else {
            words = []
            return
        }
        words.removeFirst(count / 32)
        let bits = UInt32(count % 32)
        if bits > 0 {
            for place in 0..<words.count {
                let above = place + 1 < words.count ? words[place + 1] : 0
                words[place] = words[place] >> bits | above << (32 - bits)
            }
        }
        trim()
    }

    func bit(_ place: Int) -> UInt32 { place / 32 < words.count ? words[place / 32] >> UInt32(place % 32) & 1 : 0 }

    /// The rest of a division by a small number, which it is divided by.
    mutating func divide(by divisor: UInt32) -> UInt32 {
        var rest: UInt64 = 0
        var place = words.count - 1
        while place >= 0 {
            let value = rest << 32 | UInt64(words[place])
            words[place] = UInt32(value / UInt64(divisor))
            rest = value % UInt64(divisor)
            place -= 1
        }
        trim()
        return UInt32(rest)
    }

    func isLess(than other: BigNumber) -> Bool {
        if words.count != other.words.count { return words.count < other.words.count }
        var place = words.count - 1
        while place >= 0 {
            if words[place] != other.words[place] { return words[place] < other.words[place] }
            place -= 1
        }
        return false
    }

    /// Takes a number that is not larger away.
    mutating func subtract(_ other: BigNumber) {
        var borrow: Int64 = 0
        for place in 0..<words.count {
            var value = Int64(words[place]) - borrow - (place < other.words.count ? Int64(other.words[place]) : 0)
            borrow = value < 0 ? 1 : 0
            if value < 0 { value += 1 << 32 }
            words[place] = UInt32(value)
        }
        trim()
    }

    mutating func add(_ other: BigNumber) {
        var carry: UInt64 = 0
        for place in 0..<max(words.count, other.words.count) {
            if place == words.count { words.append(0) }
            carry += UInt64(words[place]) + (place < other.words.count ? UInt64(other.words[place]) : 0)
            words[place] = UInt32(truncatingIfNeeded: carry)
            carry >>= 32
        }
        if carry > 0 { words.append(UInt32(carry)) }
    }

    /// The quotient, which must fit, and whether a rest is left.
    func divided(by divisor: BigNumber) -> (quotient: UInt64, hasRest: Bool) {
        var rest = BigNumber(0)
        var quotient: UInt64 = 0
        var place = bitCount - 1
        while place >= 0 {
            if rest.isZero {
                if bit(place) == 1 { rest = BigNumber(1) }
            } else {
                rest.multiply(by: 2, adding: bit(place))
            }
            quotient <<= 1
            if !rest.isLess(than: divisor) {
                rest.subtract(divisor)
                quotient |= 1
            }
            place -= 1
        }
        return (quotient, !rest.isZero)
    }
}
