/// Methods of String.prototype. The text is flat.
func callStringMethod(_ text: Address, _ name: Name, _ arguments: Arguments) -> Value {
    switch name {
    case .charAt, .charCodeAt, .codePointAt, .at: return unitMethod(text, name, arguments)
    case .slice, .substring, .substr: return part(of: text, name, arguments)
    case .indexOf, .lastIndexOf, .includes, .startsWith, .endsWith: return search(text, name, arguments)
    case .toUpperCase, .toLowerCase: return changeCase(text, isUpper: name == .toUpperCase)
    case .trim: return trim(text, atStart: true, atEnd: true)
    case .trimStart: return trim(text, atStart: true, atEnd: false)
    case .trimEnd: return trim(text, atStart: false, atEnd: true)
    case .padStart, .padEnd: return pad(text, atStart: name == .padStart, arguments)
    case .split: return split(text, arguments)
    case .repeat: return repeated(text, arguments)
    case .replace, .replaceAll: return replace(text, isAll: name == .replaceAll, arguments)
    case .concat:
        var result = text
        for place in 0..<arguments.count { result = Text.join(result, toText(arguments[place])) }
        return Value(Tag.string, at: result)
    case .toString, .valueOf: return Value(Tag.string, at: text)
    default: abort(.type)
    }
}

private func unitMethod(_ text: Address, _ name: Name, _ arguments: Arguments) -> Value {
    let length = Text.length(text)
    var position = arguments.integer(0)
    if name == .at, position < 0 { position += Double(length) }
    guard position >= 0, position < Double(length) else {
        switch name {
        case .charAt: return Text.slice(text, 0, 0)
        case .charCodeAt: return Value(number: Double.nan)
        default: return .undefined
        }
    }
    let place = UInt32(position)
    let unit = Text.unit(text, place)
    if name == .charAt || name == .at { return Text.character(unit) }
    if name == .codePointAt, unit & 0xfc00 == 0xd800, place &+ 1 < length {
        let next = Text.unit(text, place &+ 1)
        if next & 0xfc00 == 0xdc00 {
            return Value(count: 0x10000 &+ (UInt32(unit) & 0x3ff) << 10 &+ UInt32(next) & 0x3ff)
        }
    }
    return Value(count: UInt32(unit))
}

private func part(of text: Address, _ name: Name, _ arguments: Arguments) -> Value {
    let length = Text.length(text)
    if name == .substring {
        let first = arguments.clamped(0, length: length, default: 0)
        let second = arguments.clamped(1, length: length, default: length)
        return Text.slice(text, min(first, second), max(first, second))
    }
    let start = arguments.relative(0, length: length, default: 0)
    if name == .slice { return Text.slice(text, start, arguments.relative(1, length: length, default: length)) }
    return Text.slice(text, start, start &+ arguments.clamped(1, length: length &- start, default: length &- start))
}

private func search(_ text: Address, _ name: Name, _ arguments: Arguments) -> Value {
    let length = Text.length(text)
    let part = Text.flatten(toText(arguments[0]))
    switch name {
    case .startsWith:
        return Value(truth: Text.matches(part, in: text, at: arguments.clamped(1, length: length, default: 0)))
    case .endsWith:
        let end = arguments.clamped(1, length: length, default: length)
        let count = Text.length(part)
        return Value(truth: count <= end && Text.matches(part, in: text, at: end &- count))
    case .lastIndexOf:
        if arguments[1] != .undefined { abort(.type) }
        guard Text.length(part) <= length else { return Value(number: -1.0) }
        var place = length &- Text.length(part)
        while true {
            if Text.matches(part, in: text, at: place) { return Value(count: place) }
            if place == 0 { return Value(number: -1.0) }
            place &-= 1
        }
    default:
        let found = Text.find(part, in: text, from: arguments.clamped(1, length: length, default: 0))
        if name == .includes { return Value(truth: found != nil) }
        return found.map { Value(count: $0) } ?? Value(number: -1.0)
    }
}

/// Of ASCII: others' cases are the tables of Unicode, which are not here.
private func changeCase(_ text: Address, isUpper: Bool) -> Value {
    let length = Text.length(text)
    let result = Text.make(length: length, isWide: false)
    for place in 0..<length {
        let unit = Text.unit(text, place)
        if unit > 127 { abort(.value) }
        let isChanged = isUpper ? unit >= 97 && unit <= 122 : unit >= 65 && unit <= 90
        Text.setUnit(result, place, isChanged ? unit ^ 32 : unit)
    }
    return Value(Tag.string, at: result)
}

private func trim(_ text: Address, atStart: Bool, atEnd: Bool) -> Value {
    var start: UInt32 = 0
    var end = Text.length(text)
    while atStart, start < end, NumberText.isSpace(Text.unit(text, start)) { start &+= 1 }
    while atEnd, end > start, NumberText.isSpace(Text.unit(text, end &- 1)) { end &-= 1 }
    return Text.slice(text, start, end)
}

private func pad(_ text: Address, atStart: Bool, _ arguments: Arguments) -> Value {
    let length = Text.length(text)
    let wanted = arguments.integer(0)
    let filler = Text.flatten(arguments[1] == .undefined ? Text.character(32).address : toText(arguments[1]))
    guard wanted > Double(length), Text.length(filler) > 0 else { return Value(Tag.string, at: text) }
    if wanted > 1_000_000 { abort(.memory) }
    let count = UInt32(wanted) &- length
    var writer = TextWriter(capacity: UInt32(wanted))
    if !atStart { writer.append(text: text) }
    for place in 0..<count { writer.append(unit: Text.unit(filler, place % Text.length(filler))) }
    if atStart { writer.append(text: text) }
    return Value(Tag.string, at: writer.finish())
}

private func split(_ text: Address, _ arguments: Arguments) -> Value {
    if arguments[1] != .undefined { abort(.type) }
    let array = makeArray(4)
    let length = Text.length(text)
    if arguments[0] == .undefined {
        Arrays.push(array.address, Value(Tag.string, at: text))
        return array
    }
    let separator = Text.flatten(toText(arguments[0]))
    let size = Text.length(separator)
    if size == 0 {
        for place in 0..<length { Arrays.push(array.address, Text.character(Text.unit(text, place))) }
        return array
    }
    var start: UInt32 = 0
    while let found = Text.find(separator, in: text, from: start) {
        Arrays.push(array.address, Text.slice(text, start, found))
        start = found &+ size
    }
    Arrays.push(array.address, Text.slice(text, start, length))
    return array
}

private func repeated(_ text: Address, _ arguments: Arguments) -> Value {
    let count = arguments.integer(0)
    if count < 0 || count.isInfinite { abort(.exception) }
    if count * Double(Text.length(text)) > 1_000_000 || count > 1_000_000 { abort(.memory) }
    var writer = TextWriter(capacity: UInt32(count) &* Text.length(text))
    for _ in 0..<UInt32(count) { writer.append(text: text) }
    return Value(Tag.string, at: writer.finish())
}

/// With strings: patterns (`$&`) in the replacement, and functions, are not done here.
private func replace(_ text: Address, isAll: Bool, _ arguments: Arguments) -> Value {
    if arguments[0].isReference || arguments[1].isReference { abort(.type) }
    let pattern = Text.flatten(toText(arguments[0]))
    let replacement = Text.flatten(toText(arguments[1]))
    if Text.find(Text.character(36).address, in: replacement, from: 0) != nil { abort(.value) }
    if isAll, Text.length(pattern) == 0 { abort(.value) }
    var writer = TextWriter(capacity: Text.length(text))
    var start: UInt32 = 0
    while let found = Text.find(pattern, in: text, from: start) {
        writer.append(text: text, start, found)
        writer.append(text: replacement)
        start = found &+ Text.length(pattern)
        if !isAll { break }
    }
    writer.append(text: text, start, Text.length(text))
    return Value(Tag.string, at: writer.finish())
}
