/// Map and Set: 0 kind   4 count   8 capacity   12 entries (key, value)   16 whether a loop has gone over it.
///
/// A loop goes over what was there at its beginning, so a change after a loop has begun ends the event.
enum Collections {
    static func make(isMap: Bool, _ source: Value) -> Value {
        let address = allocate(24)
        store32(address, isMap ? SpecialKind.map : SpecialKind.set)
        let collection = Value(Tag.special, at: address)
        if source.isNullish { return collection }
        let elements = iterate(source)
        for place in 0..<Arrays.length(elements.address) {
            let element = Arrays.element(elements.address, place)
            if isMap {
                guard element.isArray else { abort(element.isReference ? .type : .exception) }
                set(address, getIndexed(element, Value(number: 0.0)), getIndexed(element, Value(number: 1.0)))
            } else {
                set(address, element, element)
            }
        }
        return collection
    }

    private static func count(_ address: Address) -> UInt32 { load32(address &+ 4) }
    private static func entry(_ address: Address, _ place: UInt32) -> Address { load32(address &+ 12) &+ place &* 16 }

    private static func find(_ address: Address, _ key: Value) -> UInt32? {
        let isNaN = key.isNumber && key.number.isNaN
        for place in 0..<count(address) {
            let other = load64(entry(address, place))
            if strictEquals(other, key) == 1 || (isNaN && other.isNumber && other.number.isNaN) { return place }
        }
        return nil
    }

    private static func checkChange(_ address: Address) {
        checkWritable(address)
        if load32(address &+ 16) != 0 { abort(.value) }
    }

    private static func set(_ address: Address, _ key: Value, _ value: Value) {
        if let place = find(address, key) {
            checkWritable(address)
            return store64(entry(address, place) &+ 8, value)
        }
        checkChange(address)
        let count = count(address)
        if count == load32(address &+ 8) {
            let capacity = max(4, count &* 2)
            let entries = allocate(capacity &* 16)
            copyMemory(to: entries, from: load32(address &+ 12), count: count &* 16)
            store32(address &+ 8, capacity)
            store32(address &+ 12, entries)
        }
        // Minus zero becomes zero.
        store64(entry(address, count), key == Value(number: -0.0) ? Value(number: 0.0) : key)
        store64(
            entry(address, count) &+ 8,
            value == Value(number: -0.0) && load32(address) == SpecialKind.set ? Value(number: 0.0) : value)
        store32(address &+ 4, count &+ 1)
    }

    private static func remove(_ address: Address, _ key: Value) -> Value {
        checkChange(address)
        guard let place = find(address, key) else { return .false }
        let count = count(address)
        copyMemory(to: entry(address, place), from: entry(address, place &+ 1), count: (count &- place &- 1) &* 16)
        store32(address &+ 4, count &- 1)
        return .true
    }

    /// A set's elements, or a map's entries, as an array.
    static func elements(_ value: Value) -> Value {
        list(value.address, load32(value.address) == SpecialKind.map ? .entries : .keys)
    }

    static func beginLoop(_ value: Value) { store32(value.address &+ 16, 1) }

    private static func list(_ address: Address, _ name: Name) -> Value {
        let array = makeArray(count(address))
        for place in 0..<count(address) {
            let key = load64(entry(address, place))
            let value = load64(entry(address, place) &+ 8)
            switch name {
            case .keys: Arrays.push(array.address, key)
            case .values: Arrays.push(array.address, value)
            default:
                let pair = makeArray(2)
                Arrays.push(pair.address, key)
                Arrays.push(pair.address, value)
                Arrays.push(array.address, pair)
            }
        }
        return array
    }

    static func get(_ value: Value, _ name: Name) -> Value {
        if name == .size { return Value(count: count(value.address)) }
        abort(.type)
    }

    static func call(_ receiver: Value, _ name: Name, _ arguments: Arguments) -> Value {
        let address = receiver.address
        let isMap = load32(address) == SpecialKind.map
        switch name {
        case .has: return Value(truth: find(address, arguments[0]) != nil)
        case .delete: return remove(address, arguments[0])
        case .get where isMap: return find(address, arguments[0]).map { load64(entry(address, $0) &+ 8) } ?? .undefined
        case .set where isMap:
            set(address, arguments[0], arguments[1])
            return receiver
        case .add where !isMap:
            set(address, arguments[0], arguments[0])
            return receiver
        case .clear:
            checkChange(address)
            store32(address &+ 4, 0)
            return .undefined
        case .forEach:
            let before = load32(address &+ 16)
            store32(address &+ 16, 1)
            for place in 0..<count(address) {
                let key = load64(entry(address, place))
                _ = TraceRuntime.call(arguments[0], load64(entry(address, place) &+ 8), key, receiver)
            }
            store32(address &+ 16, before)
            return .undefined
        default: abort(.type)
        }
    }
}

/// What `for…of` goes over. An array is seen as it changes; other things are as they are at the beginning.
@_cdecl("czone_loop") public func loopOver(_ value: Value) -> Value {
    let elements = iterate(value)
    if value.isSpecial { Collections.beginLoop(value) }
    return elements
}

func callSpecialMethod(_ receiver: Value, _ name: Name, _ arguments: Arguments) -> Value {
    switch load32(receiver.address) {
    case SpecialKind.promise: Promises.call(receiver, name, arguments)
    case SpecialKind.response: Calls.callResponse(receiver, name)
    case SpecialKind.headers: Calls.callHeaders(receiver, name, arguments)
    case SpecialKind.map, SpecialKind.set: Collections.call(receiver, name, arguments)
    default: abort(.type)
    }
}

func getSpecialProperty(_ owner: Value, _ name: Name) -> Value {
    switch load32(owner.address) {
    case SpecialKind.response: Calls.getResponse(owner, name)
    case SpecialKind.map, SpecialKind.set: Collections.get(owner, name)
    default: abort(.type)
    }
}
