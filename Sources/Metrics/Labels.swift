/// The labels of a sample, in the form of the text: `vm="3f",function="a\"b"`. A value type, made once for many samples.
public struct Labels: Equatable, Sendable {
    /// A longer value is cut: what a label says may come from a user.
    public static let maxValueBytes = 256

    private(set) var bytes: [UInt8] = []

    public init() {}

    public init(_ labels: KeyValuePairs<StaticString, String>) {
        for (name, value) in labels { append(name, value) }
    }

    /// These labels and one more.
    ///
    /// - Parameters:
    ///   - name: letters, digits and _, no digit first.
    ///   - value: any text; backslash, quotation mark and line feed are escaped, other control characters are replaced.
    public func with(_ name: StaticString, _ value: String) -> Labels {
        var longer = self
        longer.append(name, value)
        return longer
    }

    private mutating func append(_ name: StaticString, _ value: String) {
        if !bytes.isEmpty { bytes.append(UInt8(ascii: ",")) }
        bytes += Array("\(name)=\"".utf8)
        let end = bytes.count + Self.maxValueBytes
        for scalar in value.unicodeScalars {
            guard bytes.count + UTF8.width(scalar) <= end else { break }
            switch scalar {
            case "\\": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\\")]
            case "\"": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "\"")]
            case "\n": bytes += [UInt8(ascii: "\\"), UInt8(ascii: "n")]
            case _ where scalar.value < 0x20 || scalar.value == 0x7F: bytes.append(UInt8(ascii: "?"))
            default: bytes += Array(String(Character(scalar)).utf8)
            }
        }
        bytes.append(UInt8(ascii: "\""))
    }
}
