/// Decimal digits as they are read, and the double nearest to them.
struct DecimalReader {
    private var digits: [UInt8] = []
    private(set) var hasDigits = false
    var isFraction = false
    /// Of ten, by which the digits as a whole number are multiplied.
    var exponent = 0

    mutating func append(_ unit: UInt16) {
        hasDigits = true
        if isFraction { exponent -= 1 }
        if digits.isEmpty, unit == 48 { return }
        // So many that a double could depend on, and more than programs have.
        if digits.count == 800 { abort(.value) }
        digits.append(UInt8(unit - 48))
    }

    func value() -> Double {
        if digits.isEmpty { return 0 }
        let magnitude = digits.count + exponent
        if magnitude > 310 { return .infinity }
        if magnitude < -330 { return 0 }
        if digits.count <= 15, exponent.magnitude <= 22 {
            // Both are exact, so the one rounding is right.
            var number: UInt64 = 0
            for digit in digits { number = number * 10 + UInt64(digit) }
            var scale = 1.0
            for _ in 0..<exponent.magnitude { scale *= 10 }
            return exponent < 0 ? Double(number) / scale : Double(number) * scale
        }
        return nearest()
    }

    private func nearest() -> Double {
        var numerator = BigNumber(0)
        for digit in digits {
            if numerator.isZero {
                numerator = BigNumber(UInt64(digit))
            } else {
                numerator.multiply(by: 10, adding: UInt32(digit))
            }
        }
        var denominator = BigNumber(1)
        if exponent > 0 {
            numerator.multiply(byPowerOfTen: exponent)
        } else {
            denominator.multiply(byPowerOfTen: -exponent)
        }
        // A quotient of 63 or 64 bits.
        let shift = 63 - (numerator.bitCount - denominator.bitCount)
        if shift > 0 { numerator.shiftLeft(by: shift) } else { denominator.shiftLeft(by: -shift) }
        let (quotient, hasRest) = numerator.divided(by: denominator)
        let bits = 64 - quotient.leadingZeroBitCount
        let top = bits - 1 - shift
        // Below the least normal exponent there are fewer bits.
        let precision = top >= -1022 ? 53 : 53 - (-1022 - top)
        if precision < 0 { return 0 }
        let dropped = bits - precision
        var significand = dropped >= 64 ? 0 : quotient >> UInt64(dropped)
        let half: UInt64 = 1 << UInt64(dropped - 1)
        let rest = dropped >= 64 ? quotient : quotient & (half << 1 &- 1)
        if rest > half || (rest == half && (hasRest || significand & 1 == 1)) { significand += 1 }
        return Double(sign: .plus, exponent: dropped - shift, significand: Double(significand))
    }
}
