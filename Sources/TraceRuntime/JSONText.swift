/// JSON.stringify (ECMA-262, 25.5.2).
struct JSONText {
    private var writer = TextWriter(capacity: 128)
    private let gap: Address
    private static let maxDepth: UInt32 = 64

    /// The text of a value, or undefined of what has none.
    static func make(_ value: Value, _ replacer: Value, _ space: Value) -> Value {
        if !replacer.isNullish || space.isReference { abort(.type) }
        var gap = Text.slice(load32(state.characters), 0, 0).address
        if space.isNumber {
            let count = space.number.isNaN ? 0 : max(0, min(10, space.number.rounded(.towardZero)))
            for _ in 0..<UInt32(count) { gap = Text.join(gap, Text.character(32).address) }
        } else if space.isString {
            let text = Text.flatten(space.address)
            gap = Text.slice(text, 0, min(10, Text.length(text))).address
        }
        if isOmitted(value) { return .undefined }
        var json = JSONText(gap: gap)
        json.append(value, depth: 0)
        return Value(Tag.string, at: json.writer.finish())
    }

    private init(gap: Address) { self.gap = gap }

    private static func isOmitted(_ value: Value) -> Bool { value == .undefined || value.isCallable }

    private mutating func append(_ value: Value, depth: UInt32) {
        // Deeper, it may contain itself.
        if depth > Self.maxDepth { abort(.value) }
        if value.isNumber {
            if value.number.isFinite {
                writer.append(text: NumberText.make(value.number))
            } else {
                writer.append("null")
            }
            return
        }
        switch value.tag {
        case Tag.string: append(string: Text.flatten(value.address))
        case Tag.array: append(array: value.address, depth: depth)
        case Tag.object: append(object: value.address, depth: depth)
        case Tag.constant: writer.append(text: value == .undefined ? Name.null.value.address : toText(value))
        default: abort(.type)
        }
    }

    private mutating func newLine(_ depth: UInt32) {
        if Text.length(gap) == 0 { return }
        writer.append(byte: 10)
        for _ in 0..<depth { writer.append(text: gap) }
    }

    private mutating func append(array: Address, depth: UInt32) {
        let length = Arrays.length(array)
        writer.append(byte: 91)
        for place in 0..<length {
            if place > 0 { writer.append(byte: 44) }
            newLine(depth &+ 1)
            let element = Arrays.element(array, place)
            append(Self.isOmitted(element) ? .null : element, depth: depth &+ 1)
        }
        if length > 0 { newLine(depth) }
        writer.append(byte: 93)
    }

    private mutating func append(object: Address, depth: UInt32) {
        if Objects.find(object, Name.toJSON.value.address) != nil { abort(.type) }
        writer.append(byte: 123)
        var isFirst = true
        for place in 0..<Objects.count(object) {
            let value = Objects.value(object, place)
            if Self.isOmitted(value) { continue }
            if !isFirst { writer.append(byte: 44) }
            isFirst = false
            newLine(depth &+ 1)
            append(string: Objects.key(object, place))
            writer.append(byte: 58)
            if Text.length(gap) > 0 { writer.append(byte: 32) }
            append(value, depth: depth &+ 1)
        }
        if !isFirst { newLine(depth) }
        writer.append(byte: 125)
    }

    private mutating func append(string: Address) {
        writer.append(byte: 34)
        let length = Text.length(string)
        for place in 0..<length {
            let unit = Text.unit(string, place)
            switch unit {
            case 34, 92:
                writer.append(byte: 92)
                writer.append(unit: unit)
            case 8: writer.append("\\b")
            case 9: writer.append("\\t")
            case 10: writer.append("\\n")
            case 12: writer.append("\\f")
            case 13: writer.append("\\r")
            case 0..<32: append(escaped: unit)
            case 0xd800..<0xe000:
                if isHalf(string, place, length) { append(escaped: unit) } else { writer.append(unit: unit) }
            default: writer.append(unit: unit)
            }
        }
        writer.append(byte: 34)
    }

    private func isHalf(_ string: Address, _ place: UInt32, _ length: UInt32) -> Bool {
        let unit = Text.unit(string, place)
        if unit < 0xdc00 { return !(place &+ 1 < length && Text.unit(string, place &+ 1) & 0xfc00 == 0xdc00) }
        return !(place > 0 && Text.unit(string, place &- 1) & 0xfc00 == 0xd800)
    }

    private mutating func append(escaped unit: UInt16) {
        writer.append("\\u")
        for shift in [UInt16(12), 8, 4, 0] {
            let digit = UInt8(unit >> shift & 15)
            writer.append(byte: digit < 10 ? 48 &+ digit : 87 &+ digit)
        }
    }
}
