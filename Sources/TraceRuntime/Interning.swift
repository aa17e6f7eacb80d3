/// Strings that are keys of properties: of two with the same units only one is there, so keys compare by their addresses.
enum Interning {
    static func hash(_ text: Address) -> UInt32 {
        var hash = load32(text &+ 8)
        if hash != 0 { return hash }
        hash = 2_166_136_261
        for place in 0..<Text.length(text) { hash = (hash ^ UInt32(Text.unit(text, place))) &* 16_777_619 }
        if hash == 0 { hash = 1 }
        store32(text &+ 8, hash)
        return hash
    }

    /// The one of this string, which it becomes where there was none.
    static func intern(_ string: Address) -> Address {
        let text = Text.flatten(string)
        if Text.isInterned(text) { return text }
        if (state.internCount &+ 1) &* 2 > state.internCapacity { grow() }
        let mask = state.internCapacity &- 1
        var place = hash(text) & mask
        while true {
            let entry = load32(state.internTable &+ place &* 4)
            if entry == 0 { break }
            if hash(entry) == hash(text), haveSameUnits(entry, text) { return entry }
            place = (place &+ 1) & mask
        }
        store32(state.internTable &+ place &* 4, text)
        state.internCount &+= 1
        Text.setInterned(text)
        return text
    }

    private static func haveSameUnits(_ left: Address, _ right: Address) -> Bool {
        guard Text.length(left) == Text.length(right) else { return false }
        for place in 0..<Text.length(left) where Text.unit(left, place) != Text.unit(right, place) { return false }
        return true
    }

    private static func grow() {
        let old = state.internTable
        let oldCapacity = state.internCapacity
        let capacity = max(512, oldCapacity &* 2)
        let table = allocate(capacity &* 4)
        for index in 0..<oldCapacity {
            let entry = load32(old &+ index &* 4)
            guard entry != 0 else { continue }
            var place = hash(entry) & (capacity &- 1)
            while load32(table &+ place &* 4) != 0 { place = (place &+ 1) & (capacity &- 1) }
            store32(table &+ place &* 4, entry)
        }
        state.internTable = table
        state.internCapacity = capacity
    }

    /// The number that a string is as an index of arrays ("0", "17", not "01"); nil: it is none.
    static func index(of string: Address) -> UInt32? {
        let text = Text.flatten(string)
        let count = Text.length(text)
        guard count > 0, count <= 10 else { return nil }
        var number: UInt64 = 0
        for place in 0..<count {
            let unit = Text.unit(text, place)
            guard unit >= 48, unit <= 57, !(unit == 48 && place == 0 && count > 1) else { return nil }
            number = number &* 10 &+ UInt64(unit &- 48)
        }
        return number < 0xffff_ffff ? UInt32(number) : nil
    }
}
