public import ControlProtocol
import LinuxSystem

/// Whether containers begin as copies of process templates, and what the templates are to be (docs/templates.md).
public struct WarmStartSettings: Equatable, Sendable {
    /// For functions that are not named.
    public var isOn = false
    /// By functions' names.
    public var byFunction: [String: Bool] = [:]
    /// How long a template's program may take to its point, in seconds, 1 … 86400.
    public var timeoutInSeconds = 120
    /// What a template's processes may use, in bytes; 0: half of their VM's base memory.
    public var memoryInBytes: UInt64 = 0

    /// No container has a warm start.
    public init() {}

    /// How a container begins.
    ///
    /// - Parameters:
    ///   - function: the container's.
    ///   - choice: the container's own; nil: what its function's setting says.
    ///   - varying: names of its environment variables that may differ from those of its template's other copies.
    /// - Returns: nil for one that starts plainly.
    /// - Throws: `invalid` for a name that no variable can have, or too many.
    public func warmStart(
        of function: String, choice: Bool? = nil, varying: [String] = []
    ) throws(RuntimeError) -> WarmStart? {
        guard varying.count <= WarmStart.maxNames else {
            throw .invalid("\(varying.count) variables that may differ, expected at most \(WarmStart.maxNames)")
        }
        for name in varying where name.isEmpty || name.utf8.count > 128 || name.utf8.contains(where: Self.isForbidden) {
            throw .invalid("\(quoted(name)) is no name of an environment variable")
        }
        guard choice ?? byFunction[function] ?? isOn else { return nil }
        return WarmStart(
            varying: Array(Set(varying)).sorted(), timeoutInSeconds: UInt32(timeoutInSeconds),
            memoryInBytes: memoryInBytes)
    }

    private static func isForbidden(_ byte: UInt8) -> Bool { byte <= 0x20 || byte == 0x7F || byte == UInt8(ascii: "=") }
}
