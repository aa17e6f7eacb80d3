/// A text as Linux takes it: bytes without a zero, of no encoding. A path, an argument, a variable.
public struct CString: Equatable, Sendable, ExpressibleByStringInterpolation {
    /// Without the zero that ends it.
    public let bytes: [UInt8]

    /// Takes the bytes as they are; encoding checks them.
    public init(_ bytes: [UInt8]) { self.bytes = bytes }

    /// Of a text in UTF-8.
    public init(_ text: String) { bytes = [UInt8](text.utf8) }

    /// Of a text in the source, in UTF-8.
    public init(stringLiteral text: String) { self.init(text) }

    /// For messages: bytes that are not UTF-8 are shown as U+FFFD.
    public var description: String { String(decoding: bytes, as: UTF8.self) }
}

/// Arguments or variables of a program, in the form in which execve(2) copies them: one after the other, each with a
/// zero behind it. There may be hundreds of thousands.
public struct CStringList: Equatable, Sendable, ExpressibleByArrayLiteral {
    /// Empty, or ended by a zero.
    public private(set) var bytes: [UInt8] = []
    /// Whether one of them had a zero itself, so that they are not to be sent.
    private var holdsZero = false

    /// Takes them as they are; encoding refuses them where one holds a zero.
    public init(_ strings: some Sequence<CString>) {
        for string in strings { append(string.bytes[...]) }
    }

    /// Of strings in the source.
    public init(arrayLiteral elements: CString...) { self.init(elements) }

    /// Whether there is none.
    public var isEmpty: Bool { bytes.isEmpty }

    /// Takes these texts in UTF-8.
    public init(texts: [String]) { self.init(texts.map { CString($0) }) }

    /// Adds one at the end.
    public mutating func append(_ string: CString) { append(string.bytes[...]) }

    mutating func append(_ string: ArraySlice<UInt8>) {
        if string.contains(0) { holdsZero = true }
        bytes += string
        bytes.append(0)
    }

    /// The first one; nil where there is none.
    public var first: CString? { bytes.isEmpty ? nil : CString([UInt8](bytes.prefix { $0 != 0 })) }

    /// Calls `body` with each, without its zero, until it returns false.
    public func forEach(_ body: (ArraySlice<UInt8>) -> Bool) {
        var start = 0
        for end in bytes.indices where bytes[end] == 0 {
            if !body(bytes[start..<end]) { return }
            start = end + 1
        }
    }

    /// Those for which `isIncluded` is true.
    public func filter(_ isIncluded: (ArraySlice<UInt8>) -> Bool) -> CStringList {
        var kept = CStringList()
        forEach { string in
            if isIncluded(string) { kept.append(string) }
            return true
        }
        return kept
    }
}

extension CStringList {
    init(decoded bytes: [UInt8]) { self.bytes = bytes }

    func violation(_ field: StaticString) -> ProtocolError? {
        var found: ProtocolError? = holdsZero ? .invalidText(field: field) : nil
        forEach { string in
            if found == nil, string.count > Limits.argument {
                found = .tooLong(field: field, count: string.count, limit: Limits.argument)
            }
            return found == nil
        }
        return found
    }
}
