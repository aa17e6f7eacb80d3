import LinuxSystem

/// What of an OCI runtime specification czone does not carry out. Nothing is silently left out.
public enum SpecificationError: Error, CustomStringConvertible, Equatable {
    /// A setting that czone does not honour: its place in config.json, its value, and why or what instead.
    case unsupported(setting: String, value: String, reason: String)
    /// A value that makes no sense.
    case invalid(setting: String, value: String, expected: String)
    case missing(setting: String)

    public var description: String {
        switch self {
        case .unsupported(let setting, let value, let reason):
            "\(printable(setting)) \(value.isEmpty ? "" : "\(quoted(value)) ")is not supported: \(reason)"
        case .invalid(let setting, let value, let expected):
            "\(printable(setting)) is \(quoted(value)), expected \(expected)"
        case .missing(let setting): "\(setting) is missing"
        }
    }

    /// Refuses what is set where it must not be.
    static func refuse(_ isSet: Bool, _ setting: String, _ value: String = "", _ reason: String)
        throws(SpecificationError)
    {
        if isSet { throw .unsupported(setting: setting, value: value, reason: reason) }
    }
}
