/// A value as a number, as unary plus makes it (ECMA-262, 7.1.4).
func toNumber(_ value: Value) -> Double {
    if value.isNumber { return value.number }
    switch value {
    case .undefined: return .nan
    case .null, .false: return 0
    case .true: return 1
    default: break
    }
    if value.isString { return NumberText.parse(Text.flatten(value.address)) }
    if value.isArray { return NumberText.parse(Text.flatten(toText(value))) }
    if value.isObject { return NumberText.parse(Text.flatten(toText(value))) }
    abort(.type)
}

/// A value as a string (7.1.17): its address.
func toText(_ value: Value) -> Address {
    if value.isString { return value.address }
    if value.isNumber { return NumberText.make(value.number) }
    switch value {
    case .undefined: return Name.undefined.value.address
    case .null: return Name.null.value.address
    case .true: return Name.true.value.address
    case .false: return Name.false.value.address
    default: break
    }
    if value.isArray { return joinElements(value.address, Text.literal(",").address, depth: 0) }
    if value.isObject {
        checkPlainConversion(value.address)
        return Text.literal("[object Object]").address
    }
    abort(.type)
}

/// An object with a `toString` or `valueOf` of its own is not converted here.
private func checkPlainConversion(_ object: Address) {
    if Objects.find(object, Name.toString.value.address) != nil
        || Objects.find(object, Name.valueOf.value.address) != nil
    {
        abort(.type)
    }
}

func joinElements(_ array: Address, _ separator: Address, depth: UInt32) -> Address {
    // One that contains itself, or is as good as that.
    if depth > 32 { abort(.value) }
    var result = load32(state.characters &+ 1024)
    var place: UInt32 = 0
    while place < Arrays.length(array) {
        if place > 0 { result = Text.join(result, separator) }
        let element = Arrays.element(array, place)
        if element.isArray {
            result = Text.join(result, joinElements(element.address, Text.literal(",").address, depth: depth &+ 1))
        } else if !element.isNullish {
            result = Text.join(result, toText(element))
        }
        place &+= 1
    }
    return result
}

/// 7.1.6
func toInt32(_ number: Double) -> Int32 {
    if number.magnitude < 2_147_483_648 { return Int32(number) }
    guard number.isFinite else { return 0 }
    // Every bit of a number above 2^84 is beyond the lowest 32.
    if number.magnitude >= 19_342_813_113_834_066_795_298_816 { return 0 }
    let exponent = Int(number.exponent) &- 52
    let significand = number.significandBitPattern | 1 << 52
    let low: UInt64 =
        exponent >= 0 ? (exponent >= 64 ? 0 : significand << UInt64(exponent)) : significand >> UInt64(-exponent)
    let bits = UInt32(truncatingIfNeeded: low)
    return Int32(bitPattern: number < 0 ? 0 &- bits : bits)
}

@_cdecl("czone_truthy") public func truthy(_ value: Value) -> UInt32 {
    if value.isNumber { return value.number != 0 && !value.number.isNaN ? 1 : 0 }
    if value.isString { return Text.length(value.address) > 0 ? 1 : 0 }
    return value == .undefined || value == .null || value == .false ? 0 : 1
}

@_cdecl("czone_to_number") public func toNumberValue(_ value: Value) -> Value { Value(number: toNumber(value)) }

@_cdecl("czone_to_text") public func toTextValue(_ value: Value) -> Value { Value(Tag.string, at: toText(value)) }

@_cdecl("czone_add") public func add(_ left: Value, _ right: Value) -> Value {
    if left.isNumber, right.isNumber { return Value(number: left.number + right.number) }
    if left.isString || right.isString || left.isReference || right.isReference {
        // Left first: the order in which a conversion that is not done here would be seen.
        let first = toText(left)
        return Value(Tag.string, at: Text.join(first, toText(right)))
    }
    return Value(number: toNumber(left) + toNumber(right))
}

@_cdecl("czone_arithmetic") public func arithmetic(_ operation: UInt32, _ left: Value, _ right: Value) -> Value {
    let first = toNumber(left)
    let second = toNumber(right)
    switch Arithmetic(rawValue: operation) {
    case .subtract: return Value(number: first - second)
    case .multiply: return Value(number: first * second)
    case .divide: return Value(number: first / second)
    case .remainder: return Value(number: remainder(first, second))
    case .power: return Value(number: power(first, second))
    case .and: return Value(number: Double(toInt32(first) & toInt32(second)))
    case .or: return Value(number: Double(toInt32(first) | toInt32(second)))
    case .xor: return Value(number: Double(toInt32(first) ^ toInt32(second)))
    case .shiftLeft: return Value(number: Double(toInt32(first) << (toInt32(second) & 31)))
    case .shiftRight: return Value(number: Double(toInt32(first) >> (toInt32(second) & 31)))
    case .shiftRightUnsigned:
        return Value(number: Double(UInt32(bitPattern: toInt32(first)) >> UInt32(bitPattern: toInt32(second) & 31)))
    case nil: abort(.construct)
    }
}

/// Operations of `czone_arithmetic`.
public enum Arithmetic: UInt32, Sendable {
    case subtract, multiply, divide, remainder, power, and, or, xor, shiftLeft, shiftRight, shiftRightUnsigned
}

@_cdecl("czone_remainder") public func exportedRemainder(_ dividend: Double, _ divisor: Double) -> Double {
    remainder(dividend, divisor)
}

/// The remainder with the dividend's sign, exact as fmod(3)'s.
func remainder(_ dividend: Double, _ divisor: Double) -> Double {
    if dividend.isNaN || divisor.isNaN || dividend.isInfinite || divisor == 0 { return .nan }
    if divisor.isInfinite || dividend == 0 { return dividend }
    if dividend.magnitude < 9_007_199_254_740_992, divisor.magnitude < 9_007_199_254_740_992 {
        let (first, second) = (Int64(dividend), Int64(divisor))
        if second != 0, Double(first) == dividend, Double(second) == divisor {
            let rest = Double(first % second)
            return rest == 0 && dividend < 0 ? -0.0 : rest
        }
    }
    let size = divisor.magnitude
    var rest = dividend.magnitude
    if rest < size { return dividend }
    // Long division: what is subtracted is a multiple by a power of two, so each difference is exact.
    while rest >= size {
        var step = size
        // Within two of the leading bits' distance, without overflow.
        let distance = Int(rest.exponent) &- Int(size.exponent)
        step = scaled(size, by: distance)
        if step > rest { step = scaled(size, by: distance &- 1) }
        rest -= step
    }
    return dividend.sign == .minus ? -rest : rest
}

/// Times a power of two, exactly where the result is a normal number.
private func scaled(_ number: Double, by exponent: Int) -> Double {
    var result = number
    var left = exponent
    while left >= 1000 {
        result *= Double(sign: .plus, exponent: 1000, significand: 1)
        left &-= 1000
    }
    return result * Double(sign: .plus, exponent: left, significand: 1)
}

/// A power of whole numbers, where each product is exact; others are approximated in ways of an engine's own.
func power(_ base: Double, _ exponent: Double) -> Double {
    if exponent == 0 { return 1 }
    if exponent.isNaN || base.isNaN { return .nan }
    guard exponent == exponent.rounded(.towardZero), exponent > 0, exponent <= 1024, base == base.rounded(.towardZero),
        base.magnitude < 9_007_199_254_740_992
    else { abort(.value) }
    if base == 0 {
        if base.sign == .minus { abort(.value) }
        return 0
    }
    var result = 1.0
    var left = Int(exponent)
    while left > 0 {
        result *= base
        left &-= 1
        if result.magnitude > 9_007_199_254_740_992 { abort(.value) }
        if base == 1 { break }
    }
    return result
}

@_cdecl("czone_strict_equals") public func strictEquals(_ left: Value, _ right: Value) -> UInt32 {
    if left.isNumber { return right.isNumber && left.number == right.number ? 1 : 0 }
    if left == right { return 1 }
    return left.isString && right.isString && Text.areEqual(left.address, right.address) ? 1 : 0
}

/// `==` (7.2.14).
@_cdecl("czone_loose_equals") public func looseEquals(_ left: Value, _ right: Value) -> UInt32 {
    if left.isNullish || right.isNullish { return left.isNullish && right.isNullish ? 1 : 0 }
    let areAlike = left.isNumber == right.isNumber && (left.isNumber || left.tag == right.tag)
    if areAlike || (left.isReference && right.isReference) { return strictEquals(left, right) }
    if left.isReference, !right.isReference, !right.isBoolean, !right.isNumber {
        return Text.areEqual(toText(left), toText(right)) ? 1 : 0
    }
    if right.isReference, !left.isReference, !left.isBoolean, !left.isNumber {
        return Text.areEqual(toText(left), toText(right)) ? 1 : 0
    }
    return toNumber(left) == toNumber(right) ? 1 : 0
}

/// `<`, `>`, `<=`, `>=` by number: 0, 1, 2, 3.
@_cdecl("czone_compare") public func compare(_ operation: UInt32, _ left: Value, _ right: Value) -> UInt32 {
    let first = left.isReference ? toTextValue(left) : left
    let second = right.isReference ? toTextValue(right) : right
    if first.isString, second.isString {
        let holds =
            switch operation {
            case 0: Text.isLess(first.address, second.address)
            case 1: Text.isLess(second.address, first.address)
            case 2: !Text.isLess(second.address, first.address)
            default: !Text.isLess(first.address, second.address)
            }
        return holds ? 1 : 0
    }
    let one = toNumber(first)
    let other = toNumber(second)
    let holds =
        switch operation {
        case 0: one < other
        case 1: one > other
        case 2: one <= other
        default: one >= other
        }
    return holds ? 1 : 0
}

@_cdecl("czone_type_of") public func typeOf(_ value: Value) -> Value {
    if value.isNumber { return Name.number.value }
    switch value.tag {
    case Tag.string: return Name.string.value
    case Tag.function, Tag.builtin: return Name.function.value
    case Tag.constant:
        if value == .undefined { return Name.undefined.value }
        return value == .null ? Name.object.value : Name.boolean.value
    default: return Name.object.value
    }
}
