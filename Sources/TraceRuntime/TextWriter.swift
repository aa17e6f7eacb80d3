/// Makes a string piece by piece.
struct TextWriter {
    private var units: Address
    private var capacity: UInt32
    private(set) var length: UInt32 = 0
    private var isWide = false

    init(capacity: UInt32) {
        units = Text.make(length: capacity, isWide: false)
        self.capacity = capacity
    }

    mutating func append(byte: UInt8) { append(unit: UInt16(byte)) }

    mutating func append(unit: UInt16) {
        if length == capacity || (unit > 255 && !isWide) { grow(isWide: isWide || unit > 255) }
        Text.setUnit(units, length, unit)
        length &+= 1
    }

    mutating func append(text: Address) { append(text: text, 0, Text.length(text)) }

    mutating func append(text: Address, _ start: UInt32, _ end: UInt32) {
        let flat = Text.flatten(text)
        guard end > start else { return }
        if Text.isWide(flat), !isWide { grow(isWide: true) }
        while capacity &- length < end &- start { grow(isWide: isWide) }
        Text.copyUnits(from: flat, start, end &- start, to: units, length)
        length &+= end &- start
    }

    mutating func append(_ text: StaticString) { forEachByte(of: text) { append(byte: $0) } }

    private mutating func grow(isWide: Bool) {
        let larger = Text.make(length: max(32, capacity &* 2), isWide: isWide)
        Text.copyUnits(from: units, 0, length, to: larger, 0)
        units = larger
        capacity = Text.length(larger)
        self.isWide = isWide
    }

    /// The string; the writer is not used afterwards.
    func finish() -> Address {
        store32(units, length)
        return units
    }

    /// Where its bytes lie, of a Latin-1 text.
    var bytes: Address { units &+ Text.header }
}
