/// An address that a registry is asked at, or has named: of http and https only.
package struct RegistryURL: Hashable, Sendable, CustomStringConvertible {
    /// A server, and whether it is asked by TLS.
    package struct Origin: Hashable, Sendable, CustomStringConvertible {
        package let isSecure: Bool
        package let host: String
        package let port: Int

        package init(isSecure: Bool, host: String, port: Int?) {
            self.isSecure = isSecure
            self.host = host
            self.port = port ?? (isSecure ? 443 : 80)
        }

        /// For the header `Host`.
        package var authority: String {
            let host = host.contains(":") ? "[\(host)]" : host
            return port == (isSecure ? 443 : 80) ? host : "\(host):\(port)"
        }

        package var description: String { "\(isSecure ? "https" : "http")://\(authority)" }
    }

    package let origin: Origin
    /// With its query.
    package var path: String

    package init(_ origin: Origin, path: String) {
        self.origin = origin
        self.path = path
    }

    package var description: String { "\(origin)\(path)" }

    /// The longest that is read, in bytes: stores sign theirs.
    private static let maxBytes = 8192

    /// Reads a `Location` or `realm` (RFC 3986); nil for what is no such address.
    ///
    /// - Parameter base: what was asked, for an address without a server.
    package init?(_ text: String, relativeTo base: RegistryURL? = nil) {
        guard text.utf8.count <= Self.maxBytes, text.utf8.allSatisfy({ (0x21...0x7E).contains($0) }) else { return nil }
        let text = text.prefix { $0 != "#" }
        if text.hasPrefix("/"), !text.hasPrefix("//") {
            guard let base else { return nil }
            self.init(base.origin, path: String(text))
            return
        }
        guard let scheme = ["https://", "http://"].first(where: { text.lowercased().hasPrefix($0) }) else { return nil }
        let rest = text.dropFirst(scheme.count)
        let end = rest.firstIndex { $0 == "/" || $0 == "?" } ?? rest.endIndex
        guard let (host, port) = Self.server(rest[..<end]) else { return nil }
        let path = String(rest[end...])
        self.init(
            Origin(isSecure: scheme == "https://", host: host, port: port),
            path: path.hasPrefix("/") ? path : "/" + path)
    }

    private static func server(_ text: Substring) -> (String, Int?)? {
        var (host, port) = (text, Substring?.none)
        if text.hasPrefix("[") {
            guard let end = text.firstIndex(of: "]") else { return nil }
            let rest = text[text.index(after: end)...]
            guard rest.isEmpty || rest.hasPrefix(":") else { return nil }
            (host, port) = (text[..<end].dropFirst(), rest.isEmpty ? nil : rest.dropFirst())
        } else if let colon = text.firstIndex(of: ":") {
            (host, port) = (text[..<colon], text[text.index(after: colon)...])
        }
        // No user's name and password: `@` is none of these.
        guard !host.isEmpty, host.utf8.allSatisfy({ isOfHost($0) || $0 == UInt8(ascii: ":") && text.hasPrefix("[") })
        else { return nil }
        guard let port else { return (host.lowercased(), nil) }
        guard let number = UInt16(port), number > 0 else { return nil }
        return (host.lowercased(), Int(number))
    }

    private static func isOfHost(_ byte: UInt8) -> Bool {
        (0x30...0x39).contains(byte) || (0x41...0x5A).contains(byte) || (0x61...0x7A).contains(byte)
            || ".-_".utf8.contains(byte)
    }

    /// The same with one more parameter in its query.
    package func adding(_ name: String, _ value: String) -> RegistryURL {
        RegistryURL(origin, path: path + (path.contains("?") ? "&" : "?") + name + "=" + Self.escaped(value))
    }

    /// RFC 3986, section 2.1: all but its unreserved characters.
    private static func escaped(_ text: String) -> String {
        let digits = Array("0123456789ABCDEF".utf8)
        return String(
            decoding: text.utf8.flatMap { byte -> [UInt8] in
                if isOfHost(byte) || byte == UInt8(ascii: "~") { return [byte] }
                return [UInt8(ascii: "%"), digits[Int(byte >> 4)], digits[Int(byte & 15)]]
            }, as: UTF8.self)
    }
}
