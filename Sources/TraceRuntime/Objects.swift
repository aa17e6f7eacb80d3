/// An object: properties in the order in which programs see them, that is names like array indices first, in their order.
///
///     0 count   4 capacity   8 entries   12 index
///
/// An entry has the interned key and, at 8, the value. From 16 properties on, the index finds a key's place by its hash.
enum Objects {
    private static let entrySize: UInt32 = 16
    private static let leastIndexed: UInt32 = 16

    static func make(capacity: UInt32) -> Address {
        let address = allocate(16)
        store32(address &+ 4, capacity)
        store32(address &+ 8, capacity == 0 ? 0 : allocate(capacity &* entrySize))
        return address
    }

    @inline(__always) static func count(_ object: Address) -> UInt32 { load32(object) }
    @inline(__always) private static func entry(_ object: Address, _ place: UInt32) -> Address {
        load32(object &+ 8) &+ place &* entrySize
    }
    @inline(__always) static func key(_ object: Address, _ place: UInt32) -> Address { load32(entry(object, place)) }
    @inline(__always) static func value(_ object: Address, _ place: UInt32) -> Value {
        load64(entry(object, place) &+ 8)
    }
    @inline(__always) static func setValue(_ object: Address, _ place: UInt32, _ value: Value) {
        store64(entry(object, place) &+ 8, value)
    }

    /// The place of an interned key; nil: there is no such property.
    static func find(_ object: Address, _ key: Address) -> UInt32? {
        let count = count(object)
        if count >= leastIndexed { return findByIndex(object, key) }
        var address = load32(object &+ 8)
        for place in 0..<count {
            if load32(address) == key { return place }
            address &+= entrySize
        }
        return nil
    }

    private static func findByIndex(_ object: Address, _ key: Address) -> UInt32? {
        if load32(object &+ 12) == 0 { makeIndex(object) }
        let index = load32(object &+ 12)
        let mask = load32(index) &- 1
        var slot = Interning.hash(key) & mask
        while true {
            let place = load32(index &+ 4 &+ slot &* 4)
            if place == 0 { return nil }
            if self.key(object, place &- 1) == key { return place &- 1 }
            slot = (slot &+ 1) & mask
        }
    }

    /// Memory of the event's, wherever the object is: the index changes nothing that programs see.
    private static func makeIndex(_ object: Address) {
        var size: UInt32 = 64
        while size < load32(object &+ 4) &* 2 { size &*= 2 }
        let index = allocate(4 &+ size &* 4)
        store32(index, size)
        store32(object &+ 12, index)
        for place in 0..<count(object) { addToIndex(index, key(object, place), place) }
    }

    private static func addToIndex(_ index: Address, _ key: Address, _ place: UInt32) {
        let mask = load32(index) &- 1
        var slot = Interning.hash(key) & mask
        while load32(index &+ 4 &+ slot &* 4) != 0 { slot = (slot &+ 1) & mask }
        store32(index &+ 4 &+ slot &* 4, place &+ 1)
    }

    static func get(_ object: Address, _ key: Address) -> Value {
        if let place = find(object, key) { return value(object, place) }
        if Text.name(key).isOfPrototype { abort(.prototype) }
        return .undefined
    }

    /// A property that a program assigns or defines.
    static func set(_ object: Address, _ key: Address, _ value: Value) {
        checkWritable(object)
        if let place = find(object, key) {
            setValue(object, place, value)
        } else {
            // `__proto__` is a setter; others are seen where an object is made a text.
            if Text.name(key).isOfPrototype { abort(.prototype) }
            append(object, key, value)
        }
    }

    /// A property that is not there yet.
    static func append(_ object: Address, _ key: Address, _ value: Value) {
        let count = count(object)
        if count == load32(object &+ 4) { grow(object) }
        var place = count
        if let number = Interning.index(of: key) {
            while place > 0 {
                if let other = Interning.index(of: self.key(object, place &- 1)), other < number { break }
                place &-= 1
            }
            if place < count {
                copyMemory(
                    to: entry(object, place &+ 1), from: entry(object, place), count: (count &- place) &* entrySize)
                store32(object &+ 12, 0)
            }
        }
        store32(entry(object, place), key)
        setValue(object, place, value)
        store32(object, count &+ 1)
        let index = load32(object &+ 12)
        if index != 0 { addToIndex(index, key, place) }
    }

    private static func grow(_ object: Address) {
        let capacity = max(4, load32(object &+ 4) &* 2)
        let entries = allocate(capacity &* entrySize)
        copyMemory(to: entries, from: load32(object &+ 8), count: count(object) &* entrySize)
        store32(object &+ 4, capacity)
        store32(object &+ 8, entries)
        store32(object &+ 12, 0)
    }

    static func remove(_ object: Address, _ key: Address) {
        checkWritable(object)
        guard let place = find(object, key) else { return }
        let count = count(object)
        copyMemory(
            to: entry(object, place), from: entry(object, place &+ 1), count: (count &- place &- 1) &* entrySize)
        store32(object, count &- 1)
        store32(object &+ 12, 0)
    }
}

/// An array: 0 length   4 capacity   8 elements. A place that was never filled is `absent`, and reading it ends the event.
enum Arrays {
    static let maxLength: UInt32 = 1 << 20

    static func make(capacity: UInt32) -> Address {
        if capacity > maxLength { abort(.memory) }
        let address = allocate(16)
        store32(address &+ 4, capacity)
        store32(address &+ 8, capacity == 0 ? 0 : allocate(capacity &* 8))
        return address
    }

    @inline(__always) static func length(_ array: Address) -> UInt32 { load32(array) }

    @inline(__always) static func element(_ array: Address, _ place: UInt32) -> Value {
        let value = load64(load32(array &+ 8) &+ place &* 8)
        if value == .absent { abort(.value) }
        return value
    }

    @inline(__always) static func setElement(_ array: Address, _ place: UInt32, _ value: Value) {
        store64(load32(array &+ 8) &+ place &* 8, value)
    }

    @inline(__always) static func push(_ array: Address, _ value: Value) {
        let length = length(array)
        if length == load32(array &+ 4) { grow(array) }
        setElement(array, length, value)
        store32(array, length &+ 1)
    }

    private static func grow(_ array: Address) {
        let capacity = max(4, load32(array &+ 4) &* 2)
        if capacity > maxLength { abort(.memory) }
        let elements = allocate(capacity &* 8)
        copyMemory(to: elements, from: load32(array &+ 8), count: length(array) &* 8)
        store32(array &+ 4, capacity)
        store32(array &+ 8, elements)
    }

    /// Sets an element that is there, or the one after the last.
    static func set(_ array: Address, _ place: UInt32, _ value: Value) {
        checkWritable(array)
        let length = length(array)
        if place < length {
            setElement(array, place, value)
        } else if place == length {
            push(array, value)
        } else {
            abort(.value)
        }
    }

    static func truncate(_ array: Address, to length: UInt32) {
        checkWritable(array)
        if length > self.length(array) { abort(.value) }
        store32(array, length)
    }

    static func copy(_ array: Address, _ start: UInt32, _ end: UInt32) -> Address {
        let count = end > start ? end &- start : 0
        let result = make(capacity: count)
        for place in 0..<count { push(result, element(array, start &+ place)) }
        return result
    }
}
