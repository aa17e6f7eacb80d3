/// Functions of Object.
func callObjectFunction(_ builtin: Builtin, _ arguments: Arguments) -> Value {
    let value = arguments[0]
    switch builtin {
    case .objectKeys: return keys(of: value)
    case .objectValues, .objectEntries: return values(of: value, withKeys: builtin == .objectEntries)
    case .objectAssign:
        guard value.isObject else { abort(value.isNullish ? .exception : .type) }
        for place in 1..<max(1, arguments.count) { copyProperties(value, arguments[place]) }
        return value
    case .objectFromEntries:
        let result = makeObject(4)
        let entries = iterate(value)
        for place in 0..<Arrays.length(entries.address) {
            let entry = Arrays.element(entries.address, place)
            guard entry.isArray else { abort(entry.isReference ? .type : .exception) }
            defineProperty(result, getIndexed(entry, Value(number: 0.0)), getIndexed(entry, Value(number: 1.0)))
        }
        return result
    case .objectHasOwn:
        guard value.isObject else { abort(value.isNullish ? .exception : .type) }
        return Value(truth: Objects.find(value.address, propertyKey(arguments[1])) != nil)
    default: return Value(truth: areSame(value, arguments[1]))
    }
}

/// Object.is
private func areSame(_ left: Value, _ right: Value) -> Bool {
    if left.isNumber, right.isNumber {
        return left.number.isNaN
            ? right.number.isNaN : left.number == right.number && left.number.sign == right.number.sign
    }
    return strictEquals(left, right) == 1
}

private func values(of value: Value, withKeys: Bool) -> Value {
    let result = makeArray(4)
    let keys = keys(of: value)
    for place in 0..<Arrays.length(keys.address) {
        let key = Arrays.element(keys.address, place)
        let property = getIndexed(value, key)
        if withKeys {
            let entry = makeArray(2)
            Arrays.push(entry.address, key)
            Arrays.push(entry.address, property)
            Arrays.push(result.address, entry)
        } else {
            Arrays.push(result.address, property)
        }
    }
    return result
}

/// `encodeURIComponent`, `decodeURIComponent` (ECMA-262, 19.2.6).
func callURIFunction(_ builtin: Builtin, _ arguments: Arguments) -> Value {
    let text = Text.flatten(toText(arguments[0]))
    if builtin == .decodeURIComponent { return decodeURI(text) }
    for place in 0..<Text.length(text) where Text.unit(text, place) & 0xf800 == 0xd800 {
        // Halves of pairs are an exception; whole pairs are rare enough.
        abort(.value)
    }
    let bytes = UTF8Text.encode(text)
    var writer = TextWriter(capacity: bytes.count)
    for place in 0..<bytes.count {
        let byte = load8(bytes.start &+ place)
        switch byte {
        case 48...57, 65...90, 97...122, 45, 95, 46, 33, 126, 42, 39, 40, 41: writer.append(byte: byte)
        default:
            writer.append(byte: 37)
            writer.append(byte: hexadecimalDigit(byte >> 4))
            writer.append(byte: hexadecimalDigit(byte & 15))
        }
    }
    return Value(Tag.string, at: writer.finish())
}

private func hexadecimalDigit(_ value: UInt8) -> UInt8 { value < 10 ? 48 &+ value : 55 &+ value }

/// Of ASCII alone: others end the event.
private func decodeURI(_ text: Address) -> Value {
    var writer = TextWriter(capacity: Text.length(text))
    var place: UInt32 = 0
    while place < Text.length(text) {
        let unit = Text.unit(text, place)
        place &+= 1
        guard unit == 37 else {
            writer.append(unit: unit)
            continue
        }
        guard place &+ 2 <= Text.length(text),
            let high = digit(Text.unit(text, place)), let low = digit(Text.unit(text, place &+ 1))
        else { abort(.exception) }
        if high > 7 { abort(.value) }
        writer.append(byte: high << 4 | low)
        place &+= 2
    }
    return Value(Tag.string, at: writer.finish())
}

private func digit(_ unit: UInt16) -> UInt8? {
    switch unit {
    case 48...57: UInt8(unit - 48)
    case 65...70: UInt8(unit - 55)
    case 97...102: UInt8(unit - 87)
    default: nil
    }
}
