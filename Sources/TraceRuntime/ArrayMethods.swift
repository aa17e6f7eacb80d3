/// Methods of Array.prototype.
func callArrayMethod(_ receiver: Value, _ name: Name, _ arguments: Arguments) -> Value {
    let array = receiver.address
    switch name {
    case .push:
        checkWritable(array)
        for place in 0..<arguments.count { Arrays.push(array, arguments[place]) }
        return Value(count: Arrays.length(array))
    case .pop, .shift: return takeEnd(array, isFirst: name == .shift)
    case .unshift: return insertFirst(array, arguments)
    case .slice:
        let length = Arrays.length(array)
        let start = arguments.relative(0, length: length, default: 0)
        let end = arguments.relative(1, length: length, default: length)
        return Value(Tag.array, at: Arrays.copy(array, start, end))
    case .splice: return splice(array, arguments)
    case .concat: return concatenate(array, arguments)
    case .join, .toString:
        let separator =
            name == .toString || arguments[0] == .undefined ? Text.character(44).address : toText(arguments[0])
        return Value(Tag.string, at: joinElements(array, separator, depth: 0))
    case .reverse: return reverse(receiver)
    case .indexOf, .lastIndexOf, .includes: return searchElement(array, name, arguments)
    case .fill: return fill(receiver, arguments)
    case .at:
        var position = arguments.integer(0)
        if position < 0 { position += Double(Arrays.length(array)) }
        guard position >= 0, position < Double(Arrays.length(array)) else { return .undefined }
        return Arrays.element(array, UInt32(position))
    case .flat: return flat(array, arguments)
    case .sort: return Sorting.sort(receiver, arguments[0])
    default: return callIterationMethod(receiver, name, arguments)
    }
}

private func takeEnd(_ array: Address, isFirst: Bool) -> Value {
    checkWritable(array)
    let length = Arrays.length(array)
    if length == 0 { return .undefined }
    let value = Arrays.element(array, isFirst ? 0 : length &- 1)
    if isFirst {
        let elements = load32(array &+ 8)
        copyMemory(to: elements, from: elements &+ 8, count: (length &- 1) &* 8)
    }
    store32(array, length &- 1)
    return value
}

private func insertFirst(_ array: Address, _ arguments: Arguments) -> Value {
    checkWritable(array)
    let rest = Arrays.copy(array, 0, Arrays.length(array))
    store32(array, 0)
    for place in 0..<arguments.count { Arrays.push(array, arguments[place]) }
    for place in 0..<Arrays.length(rest) { Arrays.push(array, Arrays.element(rest, place)) }
    return Value(count: Arrays.length(array))
}

private func splice(_ array: Address, _ arguments: Arguments) -> Value {
    checkWritable(array)
    let length = Arrays.length(array)
    let start = arguments.relative(0, length: length, default: 0)
    let removed: UInt32 =
        switch arguments.count {
        case 0: 0
        case 1: length &- start
        default: UInt32(max(0, min(arguments.integer(1), Double(length &- start))))
        }
    let result = Arrays.copy(array, start, start &+ removed)
    let rest = Arrays.copy(array, start &+ removed, length)
    store32(array, start)
    for place in 2..<max(2, arguments.count) { Arrays.push(array, arguments[place]) }
    for place in 0..<Arrays.length(rest) { Arrays.push(array, Arrays.element(rest, place)) }
    return Value(Tag.array, at: result)
}

private func concatenate(_ array: Address, _ arguments: Arguments) -> Value {
    let result = Arrays.copy(array, 0, Arrays.length(array))
    for place in 0..<arguments.count {
        let value = arguments[place]
        if value.isArray {
            for index in 0..<Arrays.length(value.address) { Arrays.push(result, Arrays.element(value.address, index)) }
        } else {
            Arrays.push(result, value)
        }
    }
    return Value(Tag.array, at: result)
}

private func reverse(_ receiver: Value) -> Value {
    let array = receiver.address
    checkWritable(array)
    let copy = Arrays.copy(array, 0, Arrays.length(array))
    let length = Arrays.length(copy)
    for place in 0..<length { Arrays.setElement(array, place, Arrays.element(copy, length &- 1 &- place)) }
    return receiver
}

/// `indexOf` by strict equality, `includes` with NaN equal to itself.
private func searchElement(_ array: Address, _ name: Name, _ arguments: Arguments) -> Value {
    let length = Arrays.length(array)
    let wanted = arguments[0]
    if name == .lastIndexOf {
        if arguments.count > 1 { abort(.type) }
        var place = length
        while place > 0 {
            place &-= 1
            if strictEquals(Arrays.element(array, place), wanted) == 1 { return Value(count: place) }
        }
        return Value(number: -1.0)
    }
    for place in arguments.relative(1, length: length, default: 0)..<length
    where isFound(Arrays.element(array, place), wanted, isNaNFound: name == .includes) {
        return name == .includes ? .true : Value(count: place)
    }
    return name == .includes ? .false : Value(number: -1.0)
}

private func isFound(_ element: Value, _ wanted: Value, isNaNFound: Bool) -> Bool {
    if isNaNFound, element.isNumber, wanted.isNumber, element.number.isNaN, wanted.number.isNaN { return true }
    return strictEquals(element, wanted) == 1
}

private func fill(_ receiver: Value, _ arguments: Arguments) -> Value {
    let array = receiver.address
    checkWritable(array)
    let length = Arrays.length(array)
    let start = arguments.relative(1, length: length, default: 0)
    let end = arguments.relative(2, length: length, default: length)
    for place in start..<max(start, end) { Arrays.setElement(array, place, arguments[0]) }
    return receiver
}

private func flat(_ array: Address, _ arguments: Arguments) -> Value {
    if arguments[0] != .undefined { abort(.type) }
    let result = makeArray(Arrays.length(array))
    for place in 0..<Arrays.length(array) {
        let element = Arrays.element(array, place)
        if element.isArray { spread(result, element) } else { Arrays.push(result.address, element) }
    }
    return result
}
