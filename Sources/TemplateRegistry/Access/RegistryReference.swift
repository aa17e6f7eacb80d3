import LinuxSystem
package import OCI

/// Where a repository is: a registry's address, and a name there.
package struct Repository: Hashable, Sendable, CustomStringConvertible {
    /// A name or an address; IPv6 without brackets.
    package let host: String
    /// Nil: the scheme's own.
    package let port: Int?
    /// Its path below `/v2/`.
    package let name: String
    /// `http://` stood before it.
    package let isPlain: Bool

    /// As users name registries, without scheme and name.
    package var authority: String {
        let host = host.contains(":") ? "[\(host)]" : host
        return host + (port.map { ":\($0)" } ?? "")
    }

    package var description: String { "\(authority)/\(name)" }

    /// Whether its packets stay on this host.
    package var isLoopback: Bool { Self.isLoopback(host) }

    package static func isLoopback(_ host: String) -> Bool {
        let parts = host.split(separator: ".", omittingEmptySubsequences: false)
        let isAddress = parts.count == 4 && parts.allSatisfy { UInt8($0) != nil }
        return host == "localhost" || host == "::1" || isAddress && parts[0] == "127"
    }
}

/// What a user names a template in a registry by: `[http://]HOST[:PORT]/NAME[:TAG][@sha256:DIGEST]`.
package struct RegistryReference: Hashable, Sendable, CustomStringConvertible {
    package let repository: Repository
    package let tag: String?
    /// The manifest's; what comes with another one is refused.
    package let digest: Digest?

    package init(repository: Repository, tag: String?, digest: Digest? = nil) {
        self.repository = repository
        self.tag = tag
        self.digest = digest
    }

    package var description: String {
        repository.description + (tag.map { ":\($0)" } ?? "") + (digest.map { "@\($0)" } ?? "")
    }

    /// Reads what a user wrote.
    package init(_ text: String) throws(ReferenceError) {
        guard text.utf8.count <= 1024 else { throw .init(text, "at most 1024 bytes") }
        var rest = Substring(text)
        let isPlain = rest.hasPrefix("http://")
        for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        guard let slash = rest.firstIndex(of: "/") else { throw .init(text, "HOST[:PORT]/NAME") }
        let (host, port) = try Self.authority(rest[..<slash], of: text)
        rest = rest[rest.index(after: slash)...]
        var digest: Digest?
        if let at = rest.firstIndex(of: "@") {
            digest = Digest(String(rest[rest.index(after: at)...]))
            guard digest != nil else { throw .init(text, "sha256: and 64 hexadecimal digits behind the @") }
            rest = rest[..<at]
        }
        var tag: String?
        if let colon = rest.lastIndex(of: ":") {
            tag = String(rest[rest.index(after: colon)...])
            rest = rest[..<colon]
        }
        guard tag.map(Self.isTag) ?? true else { throw .init(text, "a tag of at most 128 letters, digits, _ . -") }
        guard Self.isName(rest) else {
            throw .init(text, "a name of small letters and digits, with . _ - and / between them")
        }
        self.init(
            repository: Repository(host: host, port: port, name: String(rest), isPlain: isPlain), tag: tag,
            digest: digest)
    }

    private static func authority(_ text: Substring, of all: String) throws(ReferenceError) -> (String, Int?) {
        var (host, port) = (text, Substring?.none)
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { throw .init(all, "a ] behind the address") }
            host = text[text.index(after: text.startIndex)..<end]
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { throw .init(all, "a port behind the ]") }
            if !rest.isEmpty { port = rest.dropFirst() }
        } else if let colon = text.firstIndex(of: ":") {
            (host, port) = (text[..<colon], text[text.index(after: colon)...])
        }
        let isHost = host.utf8.allSatisfy { isAlphanumeric($0) || ".-:".utf8.contains($0) }
        guard isHost, !host.isEmpty, host.utf8.count <= 253, text.hasPrefix("[") == host.contains(":") else {
            throw .init(all, "a registry's name or address")
        }
        // A path of a user's own would else be taken for a registry.
        guard host == "localhost" || port != nil || host.contains(".") || host.contains(":") else {
            throw .init(all, "a registry's name with a dot, or with a port")
        }
        guard let port else { return (String(host), nil) }
        guard let number = UInt16(port), number > 0 else { throw .init(all, "a port from 1 to 65535") }
        return (String(host), Int(number))
    }

    private static func isAlphanumeric(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
    }

    private static func isTag(_ tag: String) -> Bool {
        guard let first = tag.utf8.first, tag.utf8.count <= 128 else { return false }
        return (isAlphanumeric(first) || first == UInt8(ascii: "_"))
            && tag.utf8.allSatisfy { isAlphanumeric($0) || "_.-".utf8.contains($0) }
    }

    /// Distribution specification, "Pulling manifests": `name`.
    private static func isName(_ name: Substring) -> Bool {
        name.utf8.count <= 255
            && name.split(separator: "/", omittingEmptySubsequences: false).allSatisfy { part in
                let words = part.split(omittingEmptySubsequences: false) { "._-".contains($0) }
                guard words.first?.isEmpty == false, words.last?.isEmpty == false else { return false }
                let separators = part.split { !"._-".contains($0) }
                return words.allSatisfy { $0.utf8.allSatisfy { isAlphanumeric($0) && !(0x41...0x5A).contains($0) } }
                    && separators.allSatisfy { [".", "_", "__"].contains($0) || $0.allSatisfy { $0 == "-" } }
            }
    }
}

/// A text that names nothing in a registry.
package struct ReferenceError: Error, CustomStringConvertible {
    package let description: String

    init(_ text: String, _ expected: String) {
        description = "\(quoted(text)) names no template in a registry: expected \(expected)"
    }
}
