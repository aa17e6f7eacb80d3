/// What containerd calls the shim with (containerd, core/runtime/v2/README.md): flags as Go's package flag takes them,
/// then the action.
public struct Invocation: Equatable, Sendable {
    public enum Action: String, Sendable {
        case start, delete
        /// The daemon that `start` begins; nobody else says this.
        case daemon
        /// The process that stands for a container of the daemon's; nobody else says this.
        case hold
        case version, info
    }

    public var action: Action
    public var namespace = ""
    /// containerd's gRPC socket.
    public var address = ""
    public var id = ""
    public var bundle = ""
    public var isDebugging = false
    /// The daemon's listening socket, a descriptor that it has inherited.
    public var socketDescriptor: Int32 = -1
    /// Names the daemon's lock and socket.
    public var group = ""

    /// A command line that makes no sense; one line for a person.
    public struct Invalid: Error, CustomStringConvertible {
        public let description: String
    }

    public init(_ words: [String]) throws(Invalid) {
        action = .start
        var rest = words[...]
        var actions: [String] = []
        while let word = rest.popFirst() {
            guard word.hasPrefix("-"), word != "-" else {
                actions.append(word)
                continue
            }
            try take(String(word.drop { $0 == "-" }), &rest)
        }
        if let last = actions.last {
            guard let action = Action(rawValue: last), actions.count == 1 else {
                throw Invalid(
                    description: "\"\(actions.joined(separator: " "))\" is no action: expected start or delete")
            }
            self.action = action
        } else if action == .start {
            throw Invalid(description: "containerd starts this program; by hand, only -v and -info are of use")
        }
    }

    private mutating func take(_ flag: String, _ rest: inout ArraySlice<String>) throws(Invalid) {
        let parts = flag.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false).map(String.init)
        switch parts[0] {
        case "v", "version": action = .version
        case "info": action = .info
        case "debug": isDebugging = parts.count < 2 || parts[1] == "true"
        default:
            guard let value = parts.count == 2 ? parts[1] : rest.popFirst() else {
                throw Invalid(description: "-\(parts[0]) lacks its value")
            }
            try set(parts[0], value)
        }
    }

    private mutating func set(_ name: String, _ value: String) throws(Invalid) {
        switch name {
        case "namespace": namespace = value
        case "address": address = value
        case "id": id = value
        case "bundle": bundle = value
        case "group": group = value
        case "socket-descriptor": socketDescriptor = Int32(value) ?? -1
        // Events go to TTRPC_ADDRESS; the others are for shims of another make.
        case "publish-binary", "socket", "workdir": break
        default: throw Invalid(description: "-\(name) is no flag of this shim")
        }
    }
}
