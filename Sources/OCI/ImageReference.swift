/// What a user names an image by.
public struct ImageReference: Hashable, Sendable, CustomStringConvertible {
    /// Where an image comes from.
    public enum Source: Hashable, Sendable {
        /// An OCI archive, an OCI layout directory or a docker archive; `name` says which image of several.
        case path(String, name: String?)
        /// A directory that is a root file system.
        case rootDirectory(String)
        /// The digest, a digest's beginning, or the name of an image in the store; or a path, if there is something.
        case text(String)
    }

    /// Where it comes from.
    public let source: Source
    /// What the user wrote.
    public let description: String

    /// Parses `dir:DIRECTORY`, `oci:DIRECTORY[:NAME]`, `oci-archive:FILE[:NAME]`, `docker-archive:FILE[:NAME]`, a path, a
    /// digest, its beginning, or a name.
    ///
    /// - Throws: `OCIError.notFound` when nothing is left after a prefix.
    public init(_ text: String) throws(OCIError) {
        description = text
        // A byte of a path that is no UTF-8 (String(escaping:)): names in the store and in documents are text.
        guard !text.contains("\0") else {
            throw .unsupported(what: "an image's name", value: text, expected: "UTF-8")
        }
        if let directory = Self.rest(of: text, after: "dir:") {
            guard !directory.isEmpty else { throw .notFound(text) }
            source = .rootDirectory(directory)
            return
        }
        for prefix in ["oci:", "oci-archive:", "docker-archive:"] {
            guard let rest = Self.rest(of: text, after: prefix) else { continue }
            let parts = rest.split(separator: ":", maxSplits: 1)
            guard let path = parts.first else { throw .notFound(text) }
            source = .path(String(path), name: parts.count > 1 ? String(parts[1]) : nil)
            return
        }
        guard !text.isEmpty else { throw .notFound(text) }
        source = ["/", "./", "../"].contains { text.hasPrefix($0) } ? .path(text, name: nil) : .text(text)
    }

    private static func rest(of text: String, after prefix: String) -> String? {
        text.hasPrefix(prefix) ? String(text.dropFirst(prefix.count)) : nil
    }
}
