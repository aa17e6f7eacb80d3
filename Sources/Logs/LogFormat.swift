/// How a line of the log looks.
public enum LogFormat: String, CaseIterable, Sendable {
    /// For people: the message, then what belongs to it.
    case text
    /// For programs: a JSON object (RFC 8259) on each line.
    case json
}
