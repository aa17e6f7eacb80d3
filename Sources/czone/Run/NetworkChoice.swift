import LinuxSystem
import Runtime

/// What `--network` says.
enum NetworkChoice: Equatable {
    /// No interface but the loopback.
    case none
    /// Those of the network namespace at a path.
    case namespace(String)

    init(_ text: String) throws {
        let prefix = "ns:"
        switch text {
        case "none": self = .none
        case let text where text.hasPrefix(prefix) && text.count > prefix.count:
            self = .namespace(String(text.dropFirst(prefix.count)))
        default:
            throw RuntimeError.invalid(
                "--network \(quoted(text)): expected none, or ns: and a path such as /run/netns/NAME")
        }
    }

    /// The namespace's interfaces, led to taps; the caller detaches them.
    func attach() throws(RuntimeError) -> PodNetwork? {
        switch self {
        case .none: nil
        case .namespace(let path): try PodNetwork(namespaceAt: path)
        }
    }
}
