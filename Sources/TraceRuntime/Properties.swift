@_cdecl("czone_get") public func getProperty(_ owner: Value, _ key: UInt32) -> Value {
    switch owner.tag {
    case Tag.object: return Objects.get(owner.address, key)
    case Tag.array:
        if Text.name(key) == .length { return Value(count: Arrays.length(owner.address)) }
        if let place = Interning.index(of: key) { return elementOrUndefined(owner.address, place) }
        return missing(key)
    case Tag.string:
        if Text.name(key) == .length { return Value(count: Text.length(owner.address)) }
        if let place = Interning.index(of: key) { return unitOrUndefined(owner.address, place) }
        return missing(key)
    case Tag.special: return getSpecialProperty(owner, Text.name(key))
    default:
        if owner.isNumber || owner.isBoolean { return missing(key) }
        abort(owner.isNullish ? .exception : .type)
    }
}

/// A property that a prototype of the language's own may have: the shortest name of one is `at`.
private func missing(_ key: Address) -> Value {
    if Text.length(key) < 2 { return .undefined }
    abort(.type)
}

private func elementOrUndefined(_ array: Address, _ place: UInt32) -> Value {
    place < Arrays.length(array) ? Arrays.element(array, place) : .undefined
}

private func unitOrUndefined(_ text: Address, _ place: UInt32) -> Value {
    place < Text.length(text) ? Text.character(Text.unit(Text.flatten(text), place)) : .undefined
}

/// A number as an array's index.
private func index(_ value: Value) -> UInt32? {
    guard value.isNumber, value.number >= 0, value.number < 4_294_967_295 else { return nil }
    let place = UInt32(value.number)
    return Double(place) == value.number ? place : nil
}

@_cdecl("czone_get_index") public func getIndexed(_ owner: Value, _ key: Value) -> Value {
    if let place = index(key) {
        if owner.isArray { return elementOrUndefined(owner.address, place) }
        if owner.isString { return unitOrUndefined(owner.address, place) }
    }
    if owner.isNullish { abort(.exception) }
    // No prototype of theirs has a name that is a number's text.
    if key.isNumber, !owner.isObject, !owner.isSpecial, !owner.isCallable { return .undefined }
    return getProperty(owner, propertyKey(key))
}

@_cdecl("czone_set") public func setProperty(_ owner: Value, _ key: UInt32, _ value: Value) {
    switch owner.tag {
    case Tag.object: Objects.set(owner.address, key, value)
    case Tag.array:
        if Text.name(key) == .length {
            guard let length = index(value) else { abort(.type) }
            Arrays.truncate(owner.address, to: length)
        } else if let place = Interning.index(of: key) {
            Arrays.set(owner.address, place, value)
        } else {
            abort(.type)
        }
    default: abort(owner.isNullish ? .exception : .type)
    }
}

@_cdecl("czone_set_index") public func setIndexed(_ owner: Value, _ key: Value, _ value: Value) {
    if owner.isArray, let place = index(key) { return Arrays.set(owner.address, place, value) }
    if owner.isNullish { abort(.exception) }
    setProperty(owner, propertyKey(key), value)
}

/// A property of a literal.
@_cdecl("czone_define") public func defineProperty(_ owner: Value, _ key: Value, _ value: Value) {
    Objects.set(owner.address, propertyKey(key), value)
}

@_cdecl("czone_remove") public func removeProperty(_ owner: Value, _ key: Value) -> Value {
    guard owner.isObject else { abort(owner.isNullish ? .exception : .type) }
    Objects.remove(owner.address, propertyKey(key))
    return .true
}

/// The operator `in`.
@_cdecl("czone_has") public func hasProperty(_ key: Value, _ owner: Value) -> UInt32 {
    let name = propertyKey(key)
    if owner.isObject {
        if Objects.find(owner.address, name) != nil { return 1 }
        if Text.name(name).isOfPrototype { abort(.prototype) }
        return 0
    }
    guard owner.isArray, let place = Interning.index(of: name) else { abort(owner.isReference ? .type : .exception) }
    return place < Arrays.length(owner.address) ? 1 : 0
}

@_cdecl("czone_object") public func makeObject(_ capacity: UInt32) -> Value {
    Value(Tag.object, at: Objects.make(capacity: capacity))
}

@_cdecl("czone_array") public func makeArray(_ capacity: UInt32) -> Value {
    Value(Tag.array, at: Arrays.make(capacity: capacity))
}

@_cdecl("czone_push") public func pushElement(_ array: Value, _ value: Value) { Arrays.push(array.address, value) }

/// A function's value: 0 its index in the table, 4 how many variables it has from around it, 8 their cells.
@_cdecl("czone_closure") public func makeClosure(_ index: UInt32, _ captures: UInt32) -> Value {
    let address = allocate(8 &+ captures &* 4)
    store32(address, index)
    store32(address &+ 4, captures)
    return Value(Tag.function, at: address)
}

@_cdecl("czone_cell") public func makeCell(_ value: Value) -> UInt32 {
    let address = allocate(8)
    store64(address, value)
    return address
}

@_cdecl("czone_set_cell") public func setCell(_ cell: UInt32, _ value: Value) {
    checkWritable(cell)
    store64(cell, value)
}

@_cdecl("czone_rest") public func restOfArguments(_ count: UInt32, _ list: UInt32, _ start: UInt32) -> Value {
    let array = makeArray(count > start ? count &- start : 0)
    for place in start..<max(start, count) { Arrays.push(array.address, load64(list &+ place &* 8)) }
    return array
}

/// What spread, destructuring and `for…of` go over, as an array: the one itself, or a string's characters.
@_cdecl("czone_iterate") public func iterate(_ value: Value) -> Value {
    if value.isArray { return value }
    if value.isString { return characters(of: Text.flatten(value.address)) }
    if value.isSpecial(SpecialKind.set) || value.isSpecial(SpecialKind.map) { return Collections.elements(value) }
    // An object's own iterators would be symbols, which are not compiled.
    abort(value.isReference && !value.isObject ? .type : .exception)
}

private func characters(of text: Address) -> Value {
    let array = makeArray(Text.length(text))
    var place: UInt32 = 0
    while place < Text.length(text) {
        var end = place &+ 1
        if Text.unit(text, place) & 0xfc00 == 0xd800, end < Text.length(text), Text.unit(text, end) & 0xfc00 == 0xdc00 {
            end &+= 1
        }
        Arrays.push(array.address, Text.slice(text, place, end))
        place = end
    }
    return array
}

@_cdecl("czone_spread") public func spread(_ array: Value, _ value: Value) {
    let source = iterate(value)
    for place in 0..<Arrays.length(source.address) {
        Arrays.push(array.address, Arrays.element(source.address, place))
    }
}

/// `{...value}`
@_cdecl("czone_copy_properties") public func copyProperties(_ object: Value, _ value: Value) {
    switch value.tag {
    case Tag.object:
        for place in 0..<Objects.count(value.address) {
            Objects.set(object.address, Objects.key(value.address, place), Objects.value(value.address, place))
        }
    case Tag.array:
        for place in 0..<Arrays.length(value.address) {
            let key = propertyKey(Value(count: place))
            Objects.set(object.address, key, Arrays.element(value.address, place))
        }
    case Tag.string, Tag.special, Tag.function, Tag.builtin: abort(.type)
    default: break
    }
}

/// The rest of an object in destructuring: without the keys of an array.
@_cdecl("czone_without") public func propertiesWithout(_ object: Value, _ keys: Value) -> Value {
    let result = makeObject(4)
    copyProperties(result, object)
    for place in 0..<Arrays.length(keys.address) {
        Objects.remove(result.address, propertyKey(Arrays.element(keys.address, place)))
    }
    return result
}

/// Names for `for…in`, as they are at its beginning.
@_cdecl("czone_names") public func names(_ value: Value) -> Value {
    if value.isNullish { return makeArray(0) }
    return keys(of: value)
}

func keys(of value: Value) -> Value {
    let array = makeArray(4)
    switch value.tag {
    case Tag.object:
        for place in 0..<Objects.count(value.address) {
            Arrays.push(array.address, Value(Tag.string, at: Objects.key(value.address, place)))
        }
    case Tag.array:
        for place in 0..<Arrays.length(value.address) {
            _ = Arrays.element(value.address, place)
            Arrays.push(array.address, toTextValue(Value(count: place)))
        }
    default: abort(value.isNullish ? .exception : .type)
    }
    return array
}
