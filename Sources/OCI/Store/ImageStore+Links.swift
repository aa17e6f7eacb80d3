import Glibc
import SystemPackage

/// Names and sources are links to a digest's digits: one call reads them, and a rename replaces them at once.
extension ImageStore {
    /// Gives an image a further name, taking it from whatever has it.
    /// - Throws: `OCIError.unsupported` when the text is no image name.
    public func tag(_ digest: Digest, as name: String) throws(OCIError) {
        guard Self.isName(name) else {
            throw .unsupported(
                what: "the image name", value: name, expected: "letters, digits and . _ - / : @, at most 200")
        }
        guard try load(digest) != nil else { throw .notFound(digest.description) }
        try link(Self.fileName(of: name), in: .names, to: digest)
    }

    /// Takes a name away; the image stays.
    public func untag(_ name: String) throws(OCIError) {
        guard let directory = try existing(.names) else { throw .notFound(name) }
        let file = try component(Self.fileName(of: name))
        guard try directory.status(of: file) != nil else { throw .notFound(name) }
        try directory.remove(file)
    }

    /// The image of a name, which may leave out what docker adds by itself: registry, library and the tag `latest`.
    func findByName(_ name: String) throws(OCIError) -> StoredImage? {
        guard Self.isName(name), let directory = try existing(.names) else { return nil }
        let isTagged = name.split(separator: "/").last?.contains { $0 == ":" || $0 == "@" } ?? false
        for base in [name, "docker.io/\(name)", "docker.io/library/\(name)"] {
            for candidate in isTagged ? [base] : [base, "\(base):latest"] {
                let file = try component(Self.fileName(of: candidate))
                if let digest = Digest(hex: directory.target(of: file)?.string ?? ""), let image = try load(digest) {
                    return image
                }
            }
        }
        return nil
    }

    /// The image that was imported from a source which is still the same; nil when there is none.
    func find(source key: Digest) throws(OCIError) -> StoredImage? {
        guard let directory = try existing(.sources),
            let digest = Digest(hex: directory.target(of: try component(key.hex))?.string ?? "")
        else { return nil }
        return try load(digest)
    }

    /// Sets a link, replacing what it was before in one step.
    func link(_ name: String, in target: Subdirectory, to digest: Digest) throws(OCIError) {
        let (tmp, directory) = try (self.directory(.tmp), self.directory(target))
        let fresh = try component("link-\(getpid())-\(UInt64.random(in: 0...UInt64.max))")
        try tmp.makeSymbolicLink(fresh, to: Array(digest.hex.utf8CString))
        try tmp.rename(fresh, to: component(name), in: directory)
    }

    /// Every link of a directory, with the name that it stands for and the digits that it leads to.
    func links(in kind: Subdirectory) throws(OCIError) -> [(name: String, hex: String)] {
        guard let directory = try existing(kind) else { return [] }
        return try directory.names().compactMap { name in
            guard let target = directory.target(of: name) else { return nil }
            return (Self.name(ofFile: name.string), target.string)
        }
    }

    func removeLinks(to digest: Digest) throws(OCIError) {
        for kind in [Subdirectory.names, .sources] {
            guard let directory = try existing(kind) else { continue }
            for name in try directory.names() where directory.target(of: name)?.string == digest.hex {
                try directory.remove(name)
            }
        }
    }

    /// Whether a text can name an image: what registries allow, and so nothing that would surprise in a list or a path.
    static func isName(_ text: String) -> Bool {
        let isPlain = text.utf8.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                || "._-/:@".utf8.contains(byte)
        }
        return isPlain && text.utf8.count <= 200 && text.utf8.first.map { !"._-/:@".utf8.contains($0) } ?? false
    }

    /// A file's name cannot hold a slash; names have no comma.
    private static func fileName(of name: String) -> String { String(name.map { $0 == "/" ? "," : $0 }) }
    private static func name(ofFile file: String) -> String { String(file.map { $0 == "," ? "/" : $0 }) }
}
