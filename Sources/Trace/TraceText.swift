/// A string of JavaScript: UTF-16 units, which need be no valid text.
public struct TraceText: Hashable, Sendable {
    public let units: [UInt16]

    public init(units: [UInt16]) { self.units = units }
    public init(_ text: String) { units = Array(text.utf16) }

    /// As text; half a pair is U+FFFD.
    public var text: String { String(decoding: units, as: UTF16.self) }
    /// Whether `text` has the same units.
    public var isWhole: Bool { text.utf16.elementsEqual(units) }
}
