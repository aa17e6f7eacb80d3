/// A message of rtnetlink(7) that is being written: header, fixed part, attributes. Integers are the host's, which is
/// little-endian.
struct RoutingMessage {
    /// Numbers of linux/netlink.h, linux/rtnetlink.h and linux/if_link.h.
    enum Kind: UInt16 {
        case error = 2, done = 3
        case newLink = 16, getLink = 18
        case newAddress = 20, getAddress = 22
        case newRoute = 24, getRoute = 26
        case newQueueing = 36, deleteQueueing = 37
        case newFilter = 44, deleteFilter = 45, getFilter = 46
    }

    struct Flags: OptionSet {
        let rawValue: UInt16
        static let request = Flags(rawValue: 1)
        static let acknowledge = Flags(rawValue: 4)
        static let dump = Flags(rawValue: 0x300)
        static let exclusive = Flags(rawValue: 0x200)
        static let create = Flags(rawValue: 0x400)
    }

    static let headerSize = 16

    private var body: [UInt8] = []
    let kind: Kind
    let flags: Flags

    init(_ kind: Kind, _ flags: Flags) {
        self.kind = kind
        self.flags = flags.union(.request)
    }

    /// The message with its header; each request of a socket has its own number.
    func bytes(number: UInt32) -> [UInt8] {
        var header = RoutingMessage(kind, flags)
        header.put(UInt32(Self.headerSize + body.count))
        header.put(kind.rawValue)
        header.put(flags.rawValue)
        header.put(number)
        header.put(UInt32(0))
        return header.body + body
    }

    mutating func put<Value: FixedWidthInteger>(_ value: Value) {
        for place in 0..<MemoryLayout<Value>.size { body.append(UInt8(truncatingIfNeeded: value >> Value(place * 8))) }
    }

    /// An attribute whose value is bytes.
    mutating func attribute(_ type: UInt16, _ value: [UInt8]) {
        put(UInt16(4 + value.count))
        put(type)
        body += value
        while body.count % 4 != 0 { body.append(0) }
    }

    /// An attribute whose value is an integer.
    mutating func attribute<Value: FixedWidthInteger>(_ type: UInt16, integer value: Value) {
        attribute(type, (0..<MemoryLayout<Value>.size).map { UInt8(truncatingIfNeeded: value >> Value($0 * 8)) })
    }

    /// An attribute whose value is a C string.
    mutating func attribute(_ type: UInt16, text: String) { attribute(type, Array(text.utf8) + [0]) }

    /// An attribute that consists of attributes.
    mutating func nest(_ type: UInt16, _ fill: (inout RoutingMessage) -> Void) {
        var inner = RoutingMessage(kind, flags)
        fill(&inner)
        attribute(type, inner.body)
    }
}

/// Bytes of a message, or of an attribute, that came from the kernel. Everything is checked against what is there.
struct RoutingBytes {
    private var rest: ArraySlice<UInt8>

    init(_ bytes: ArraySlice<UInt8>) { rest = bytes }

    var isEmpty: Bool { rest.isEmpty }

    /// An integer; zero where the bytes end before.
    mutating func take<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
        let size = MemoryLayout<Value>.size
        var value: Value = 0
        for (place, byte) in rest.prefix(size).enumerated() {
            value |= Value(truncatingIfNeeded: byte) << Value(place * 8)
        }
        rest = rest.dropFirst(size)
        return value
    }

    mutating func skip(_ count: Int) { rest = rest.dropFirst(count) }

    /// The next message: its kind and its body; nil where there is no whole one.
    mutating func takeMessage() -> (kind: UInt16, number: UInt32, body: RoutingBytes)? {
        var header = self
        let length = Int(header.take(UInt32.self))
        let kind: UInt16 = header.take()
        header.skip(2)
        let number: UInt32 = header.take()
        guard length >= RoutingMessage.headerSize, length <= rest.count else { return nil }
        let body = rest.prefix(length).dropFirst(RoutingMessage.headerSize)
        rest = rest.dropFirst((length + 3) & ~3)
        return (kind, number, RoutingBytes(body))
    }

    /// The attributes that are left, by their types; of several of one type the last.
    func attributes() -> [UInt16: [UInt8]] {
        var reader = self
        var found: [UInt16: [UInt8]] = [:]
        while reader.rest.count >= 4 {
            var header = reader
            let length = Int(header.take(UInt16.self))
            // The two upper bits say how the value is to be read, which the caller, who asks for the type, knows.
            let type = header.take(UInt16.self) & 0x3fff
            guard length >= 4, length <= reader.rest.count else { return found }
            found[type] = Array(reader.rest.prefix(length).dropFirst(4))
            reader.rest = reader.rest.dropFirst((length + 3) & ~3)
        }
        return found
    }
}

extension [UInt8] {
    /// The integer that an attribute's value is.
    func integer<Value: FixedWidthInteger>(_ type: Value.Type = Value.self) -> Value {
        var bytes = RoutingBytes(self[...])
        return bytes.take()
    }

    /// The text of a C string.
    var text: String { String(decoding: prefix { $0 != 0 }, as: UTF8.self) }
}
