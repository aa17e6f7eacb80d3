import LinuxSystem
import OCI

/// `-v SRC:DST[:OPTIONS]`, the options being `ro` or `rw`.
public struct VolumeArgument: Equatable, Sendable {
    public let source: String
    public let destination: String
    public let isReadOnly: Bool

    /// - Throws: `RuntimeError.invalid`, with the text and what was expected.
    public init(_ text: String) throws(RuntimeError) {
        func invalid(_ expected: String) -> RuntimeError {
            .invalid("--volume \(quoted(text)): expected \(expected)")
        }
        let parts = text.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        guard (2...3).contains(parts.count) else { throw invalid("SRC:DST or SRC:DST:ro") }
        guard ["/", "./", "../"].contains(where: parts[0].hasPrefix) || [".", ".."].contains(parts[0]) else {
            throw invalid("a path of the host that begins with / or ./ before the colon")
        }
        guard parts[1].hasPrefix("/"), !parts[1].split(separator: "/").isEmpty else {
            throw invalid("an absolute path in the container, not /, behind the colon")
        }
        switch parts.count == 3 ? parts[2] : "rw" {
        case "ro": isReadOnly = true
        case "rw": isReadOnly = false
        default: throw invalid("ro or rw behind the second colon")
        }
        source = parts[0]
        destination = parts[1]
    }

    var mount: RuntimeSpec.Mount {
        RuntimeSpec.Mount(
            destination: destination, type: "bind", source: source,
            options: ["rbind", "rprivate", isReadOnly ? "ro" : "rw"])
    }
}
