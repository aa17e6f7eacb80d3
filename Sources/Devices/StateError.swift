/// Why saved state was refused. Saved state is a file that others could have touched: never trusted.
public enum StateError: Error, Equatable, CustomStringConvertible {
    /// The state ends before a field does.
    case truncated(wanted: Int, remaining: Int)
    /// Another section stands where this one was expected.
    case wrongSection(found: String, expected: String)
    /// The section was written by another version of the device.
    case unknownVersion(section: String, found: UInt16, newest: UInt16)
    /// A section holds more than its version defines.
    case trailingBytes(section: String, count: Int)
    /// A field has a value that the device can never have had.
    case invalid(String)

    public var description: String {
        switch self {
        case .truncated(let wanted, let remaining): "saved state ends early: \(wanted) bytes wanted, \(remaining) left"
        case .wrongSection(let found, let expected):
            "saved state has section '\(found)' where '\(expected)' was expected"
        case .unknownVersion(let section, let found, let newest):
            "saved state of '\(section)' has version \(found), this program knows up to \(newest)"
        case .trailingBytes(let section, let count): "saved state of '\(section)' has \(count) bytes too many"
        case .invalid(let reason): "saved state is invalid: \(reason)"
        }
    }
}
