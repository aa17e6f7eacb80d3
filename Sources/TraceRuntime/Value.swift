/// A JavaScript value in 64 bits: a number as its own bits, anything else in what would be NaN's with a sign.
public typealias Value = UInt64

/// What a value's upper 16 bits say; below the first, it is a number.
public enum Tag {
    public static let constant: UInt64 = 0xfff9
    public static let string: UInt64 = 0xfffa
    public static let object: UInt64 = 0xfffb
    public static let array: UInt64 = 0xfffc
    public static let function: UInt64 = 0xfffd
    /// A function of the language's own: a `Builtin`.
    public static let builtin: UInt64 = 0xfffe
    /// A promise, a response, a map or a set: the kind is in its header.
    public static let special: UInt64 = 0xffff
    /// The least value that is not a number.
    public static let first: UInt64 = 0xfff9_0000_0000_0000
}

extension Value {
    public static let undefined: Value = 0xfff9_0000_0000_0000
    public static let null: Value = 0xfff9_0000_0000_0001
    public static let `false`: Value = 0xfff9_0000_0000_0002
    public static let `true`: Value = 0xfff9_0000_0000_0003
    /// A property that is not there.
    public static let absent: Value = 0xfff9_0000_0000_0004
    /// A variable before its declaration.
    public static let uninitialized: Value = 0xfff9_0000_0000_0005

    @inline(__always) init(number: Double) { self = number.isNaN ? 0x7ff8_0000_0000_0000 : number.bitPattern }
    @inline(__always) init(count: UInt32) { self = Double(count).bitPattern }
    @inline(__always) init(truth: Bool) { self = truth ? .true : .false }
    @inline(__always) init(_ tag: UInt64, at address: Address) { self = tag << 48 | UInt64(address) }
    @inline(__always) init(_ builtin: Builtin) { self = Tag.builtin << 48 | UInt64(builtin.rawValue) }

    @inline(__always) var isNumber: Bool { self < Tag.first }
    @inline(__always) var number: Double { Double(bitPattern: self) }
    @inline(__always) var tag: UInt64 { self >> 48 }
    @inline(__always) var address: Address { Address(truncatingIfNeeded: self) }
    @inline(__always) var isString: Bool { tag == Tag.string }
    @inline(__always) var isObject: Bool { tag == Tag.object }
    @inline(__always) var isArray: Bool { tag == Tag.array }
    @inline(__always) var isCallable: Bool { tag == Tag.function || tag == Tag.builtin }
    @inline(__always) var isSpecial: Bool { tag == Tag.special }
    @inline(__always) var isNullish: Bool { self == .undefined || self == .null }
    @inline(__always) var isBoolean: Bool { self == .true || self == .false }
    /// Neither undefined, null, boolean, number nor string.
    @inline(__always) var isReference: Bool { !isNumber && tag > Tag.string }

    var builtin: Builtin? { tag == Tag.builtin ? Builtin(rawValue: UInt32(address)) : nil }
}

/// What lies behind `Tag.special`: its header begins with it.
enum SpecialKind {
    static let promise: UInt32 = 1
    static let response: UInt32 = 2
    static let headers: UInt32 = 3
    static let map: UInt32 = 4
    static let set: UInt32 = 5
    static let error: UInt32 = 6
}

extension Value {
    func isSpecial(_ kind: UInt32) -> Bool { isSpecial && load32(address) == kind }
}

/// Refuses to change what was there before the event.
@inline(__always) func checkWritable(_ address: Address) {
    if address < state.mark { abort(.state) }
}
