/// A string: its length in UTF-16 units, what is known of it, then its units, in one byte each (Latin-1) where all fit.
///
///     0 length   4 flags   6 name   8 hash, 0 before it is known   12 units…
///
/// A joined string that nobody has read yet has its two parts' addresses in place of units (`isRope`).
enum Text {
    static let header: UInt32 = 12
    private static let wide: UInt16 = 1
    private static let interned: UInt16 = 2
    private static let rope: UInt16 = 4
    /// Joined strings shorter than this are copied at once.
    private static let leastRope: UInt32 = 64

    static func make(length: UInt32, isWide: Bool) -> Address {
        if length > 1 << 23 { abort(.memory) }
        let address = allocate(header &+ (isWide ? length &* 2 : length))
        store32(address, length)
        store16(address &+ 4, isWide ? wide : 0)
        return address
    }

    static func literal(_ text: StaticString) -> Value {
        let address = make(length: UInt32(text.utf8CodeUnitCount), isWide: false)
        var place = address &+ header
        forEachByte(of: text) { byte in
            store8(place, byte)
            place &+= 1
        }
        return Value(Tag.string, at: address)
    }

    /// One character, or what a text of one unit is.
    static func character(_ unit: UInt16) -> Value {
        if unit < 256 { return Value(Tag.string, at: load32(state.characters &+ UInt32(unit) &* 4)) }
        let address = make(length: 1, isWide: true)
        store16(address &+ header, unit)
        return Value(Tag.string, at: address)
    }

    @inline(__always) static func length(_ address: Address) -> UInt32 { load32(address) }
    @inline(__always) static func isWide(_ address: Address) -> Bool { load16(address &+ 4) & wide != 0 }
    @inline(__always) static func isInterned(_ address: Address) -> Bool { load16(address &+ 4) & interned != 0 }
    /// A well-known name's number (`Name`), of an interned string.
    @inline(__always) static func name(_ address: Address) -> Name { Name(rawValue: load16(address &+ 6)) ?? .none }
    static func setName(_ address: Address, _ name: Name) { store16(address &+ 6, name.rawValue) }
    static func setInterned(_ address: Address) { store16(address &+ 4, load16(address &+ 4) | interned) }

    /// A unit of a string that is no rope.
    @inline(__always) static func unit(_ address: Address, _ place: UInt32) -> UInt16 {
        isWide(address) ? load16(address &+ header &+ place &* 2) : UInt16(load8(address &+ header &+ place))
    }

    @inline(__always) static func setUnit(_ address: Address, _ place: UInt32, _ unit: UInt16) {
        if isWide(address) {
            store16(address &+ header &+ place &* 2, unit)
        } else {
            store8(address &+ header &+ place, UInt8(truncatingIfNeeded: unit))
        }
    }

    /// Makes units of a rope; afterwards it is a string as others are.
    @inline(__always) static func flatten(_ address: Address) -> Address {
        load16(address &+ 4) & rope == 0 ? address : flattenRope(address)
    }

    /// The rope becomes a reference to the flat string: its address stands in both parts' place.
    private static func flattenRope(_ address: Address) -> Address {
        let left = load32(address &+ header)
        let right = load32(address &+ header &+ 4)
        if right == 0 { return left }
        let flat = make(length: length(address), isWide: isWide(address))
        var end = length(flat)
        var stack = allocate(8)  // a list of cells: string, next
        store32(stack, address)
        while stack != 0 {
            let part = load32(stack)
            stack = load32(stack &+ 4)
            if load16(part &+ 4) & rope != 0, load32(part &+ header &+ 4) != 0 {
                for place in [load32(part &+ header), load32(part &+ header &+ 4)] {
                    let cell = allocate(8)
                    store32(cell, place)
                    store32(cell &+ 4, stack)
                    stack = cell
                }
            } else {
                let units = load16(part &+ 4) & rope != 0 ? load32(part &+ header) : part
                end &-= length(units)
                copyUnits(from: units, 0, length(units), to: flat, end)
            }
        }
        // A write to what was there before the event, but of no consequence to others: the text is the same.
        store32(address &+ header, flat)
        store32(address &+ header &+ 4, 0)
        return flat
    }

    static func copyUnits(from: Address, _ start: UInt32, _ count: UInt32, to: Address, _ place: UInt32) {
        if isWide(from) == isWide(to) {
            let shift: UInt32 = isWide(to) ? 1 : 0
            copyMemory(
                to: to &+ header &+ place << shift, from: from &+ header &+ start << shift, count: count << shift)
        } else {
            for index in 0..<count { setUnit(to, place &+ index, unit(from, start &+ index)) }
        }
    }

    static func join(_ left: Address, _ right: Address) -> Address {
        let leftLength = length(left)
        let rightLength = length(right)
        if leftLength == 0 { return right }
        if rightLength == 0 { return left }
        let isWide = isWide(left) || isWide(right)
        if leftLength &+ rightLength >= leastRope {
            if leftLength &+ rightLength > 1 << 23 { abort(.memory) }
            let address = allocate(header &+ 8)
            store32(address, leftLength &+ rightLength)
            store16(address &+ 4, rope | (isWide ? wide : 0))
            store32(address &+ header, left)
            store32(address &+ header &+ 4, right)
            return address
        }
        let address = make(length: leftLength &+ rightLength, isWide: isWide)
        copyUnits(from: flatten(left), 0, leftLength, to: address, 0)
        copyUnits(from: flatten(right), 0, rightLength, to: address, leftLength)
        return address
    }

    /// The part of a flat string from `start`, before `end`.
    static func slice(_ address: Address, _ start: UInt32, _ end: UInt32) -> Value {
        if start >= end { return Value(Tag.string, at: load32(state.characters &+ 1024)) }
        if start == 0, end == length(address) { return Value(Tag.string, at: address) }
        if end &- start == 1 { return character(unit(address, start)) }
        var isWide = false
        if self.isWide(address) {
            for place in start..<end where unit(address, place) > 255 {
                isWide = true
                break
            }
        }
        let result = make(length: end &- start, isWide: isWide)
        if isWide == self.isWide(address) {
            copyUnits(from: address, start, end &- start, to: result, 0)
        } else {
            for place in start..<end { setUnit(result, place &- start, unit(address, place)) }
        }
        return Value(Tag.string, at: result)
    }

    static func areEqual(_ first: Address, _ second: Address) -> Bool {
        if first == second { return true }
        let count = length(first)
        guard count == length(second) else { return false }
        let left = flatten(first)
        let right = flatten(second)
        if isInterned(left), isInterned(right) { return left == right }
        for place in 0..<count where unit(left, place) != unit(right, place) { return false }
        return true
    }

    /// Order by UTF-16 units, as the language has it.
    static func isLess(_ first: Address, _ second: Address) -> Bool {
        let left = flatten(first)
        let right = flatten(second)
        let count = min(length(left), length(right))
        for place in 0..<count {
            let one = unit(left, place)
            let other = unit(right, place)
            if one != other { return one < other }
        }
        return length(left) < length(right)
    }

    /// Where `part` begins in `whole`, from `start` on; nil: nowhere. Both flat.
    static func find(_ part: Address, in whole: Address, from start: UInt32) -> UInt32? {
        let count = length(part)
        let size = length(whole)
        guard count <= size else { return nil }
        var place = start
        while place &+ count <= size {
            if matches(part, in: whole, at: place) { return place }
            place &+= 1
        }
        return nil
    }

    static func matches(_ part: Address, in whole: Address, at place: UInt32) -> Bool {
        guard place &+ length(part) <= length(whole) else { return false }
        for index in 0..<length(part) where unit(part, index) != unit(whole, place &+ index) { return false }
        return true
    }
}
