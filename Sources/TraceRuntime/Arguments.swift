/// Arguments of a call, in memory; those that were not given are undefined.
struct Arguments {
    let count: UInt32
    let list: Address

    subscript(_ place: UInt32) -> Value { place < count ? load64(list &+ place &* 8) : .undefined }

    /// A whole number, as ToIntegerOrInfinity makes it.
    func integer(_ place: UInt32) -> Double {
        let number = toNumber(self[place])
        return number.isNaN ? 0 : number.rounded(.towardZero)
    }

    /// A place counted from the start or, negative, from the end, within 0…length.
    func relative(_ place: UInt32, length: UInt32, default standard: UInt32) -> UInt32 {
        if self[place] == .undefined { return standard }
        let number = integer(place)
        let size = Double(length)
        return UInt32(number < 0 ? max(0, size + number) : min(number, size))
    }

    /// A place within 0…length; nothing before the start.
    func clamped(_ place: UInt32, length: UInt32, default standard: UInt32) -> UInt32 {
        if self[place] == .undefined { return standard }
        return UInt32(max(0, min(integer(place), Double(length))))
    }
}

/// Calls a value with up to three arguments.
func call(_ function: Value, _ first: Value, _ second: Value = .absent, _ third: Value = .absent) -> Value {
    let list = allocate(24)
    store64(list, first)
    store64(list &+ 8, second)
    store64(list &+ 16, third)
    let count: UInt32 = second == .absent ? 1 : third == .absent ? 2 : 3
    return callValue(function, .undefined, count, list)
}

@_cdecl("czone_call")
public func callValue(_ function: Value, _ this: Value, _ count: UInt32, _ list: UInt32) -> Value {
    if function.tag == Tag.function {
        return callTable(load32(function.address), function.address, this, count, list)
    }
    if let builtin = function.builtin { return callBuiltin(builtin, Arguments(count: count, list: list)) }
    abort(.exception)
}

@_cdecl("czone_builtin") public func callNumbered(_ number: UInt32, _ count: UInt32, _ list: UInt32) -> Value {
    guard let builtin = Builtin(rawValue: number) else { abort(.construct) }
    return callBuiltin(builtin, Arguments(count: count, list: list))
}

@_cdecl("czone_call_method")
public func callMethod(_ receiver: Value, _ key: UInt32, _ count: UInt32, _ list: UInt32) -> Value {
    let arguments = Arguments(count: count, list: list)
    let name = Text.name(key)
    switch receiver.tag {
    case Tag.object:
        if let place = Objects.find(receiver.address, key) {
            return callValue(Objects.value(receiver.address, place), receiver, count, list)
        }
        if name == .hasOwnProperty {
            return Value(truth: Objects.find(receiver.address, propertyKey(arguments[0])) != nil)
        }
        abort(name.isOfPrototype ? .prototype : .exception)
    case Tag.string: return callStringMethod(Text.flatten(receiver.address), name, arguments)
    case Tag.array: return callArrayMethod(receiver, name, arguments)
    case Tag.special: return callSpecialMethod(receiver, name, arguments)
    case Tag.function, Tag.builtin: abort(.type)
    case Tag.constant:
        if receiver.isBoolean, name == .toString { return toTextValue(receiver) }
        abort(receiver.isNullish ? .exception : .type)
    default: return callNumberMethod(receiver.number, name, arguments)
    }
}

/// `push` of one value.
@_cdecl("czone_push_one") public func pushOne(_ receiver: Value, _ key: UInt32, _ value: Value) -> Value {
    if receiver.isArray {
        checkWritable(receiver.address)
        Arrays.push(receiver.address, value)
        return Value(count: Arrays.length(receiver.address))
    }
    let list = allocate(8)
    store64(list, value)
    return callMethod(receiver, key, 1, list)
}

private func callNumberMethod(_ number: Double, _ name: Name, _ arguments: Arguments) -> Value {
    switch name {
    case .toFixed:
        let digits = arguments.integer(0)
        if digits < 0 || digits > 100 { abort(.exception) }
        return Value(Tag.string, at: NumberText.fixed(number, Int(digits)))
    case .toString:
        if arguments[0] == .undefined { return toTextValue(Value(number: number)) }
        let radix = arguments.integer(0)
        if radix < 2 || radix > 36 { abort(.exception) }
        if radix == 10 || !number.isFinite { return toTextValue(Value(number: number)) }
        guard number == number.rounded(.towardZero), number.magnitude < 9_007_199_254_740_992 else { abort(.value) }
        return Value(
            Tag.string,
            at: NumberText.makeWhole(UInt64(number.magnitude), isNegative: number < 0, radix: UInt64(radix)))
    case .valueOf: return Value(number: number)
    default: abort(.type)
    }
}

/// A value as a property's key. An array may change between its evaluation and its use, so it is none here.
func propertyKey(_ value: Value) -> Address {
    if value.isReference { abort(.type) }
    return Interning.intern(toText(value))
}
