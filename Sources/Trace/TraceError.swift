/// A trace that is refused.
public struct TraceError: Error, Equatable, CustomStringConvertible {
    public let description: String

    init(_ found: String, expected: String) { description = "trace: \(found), expected \(expected)" }
}
