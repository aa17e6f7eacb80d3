/// The agent's directories.
enum AgentDirectory {
    static let state = "/run/czone-agent"
    /// Where a container's first process puts its root together. In its own mount namespace: all use the same.
    static let container = state + "/container"

    static func image(_ device: UInt32) -> String { "\(state)/images/\(device)" }
    static func share(_ tag: String) -> String { "\(state)/shares/\(tag)" }
}
