/// What a registry asks for before it answers: a `WWW-Authenticate` header (RFC 9110, section 11.6.1; distribution's
/// "Token Authentication").
package enum RegistryChallenge: Equatable, Sendable {
    /// A user's name and password.
    case basic
    /// A token, of a server of its own.
    case bearer(realm: String, service: String?, scope: String?)

    /// The longest header that is read, in bytes.
    private static let maxBytes = 4096

    /// Nil for a scheme that is not known, or a header that makes no sense.
    package init?(_ header: String) {
        guard header.utf8.count <= Self.maxBytes else { return nil }
        let scheme = header.prefix { $0 != " " }
        switch scheme.lowercased() {
        case "basic": self = .basic
        case "bearer":
            guard let parameters = Self.parameters(Array(header.utf8.dropFirst(scheme.utf8.count))),
                let realm = parameters["realm"], !realm.isEmpty
            else { return nil }
            self = .bearer(realm: realm, service: parameters["service"], scope: parameters["scope"])
        default: return nil
        }
    }

    /// `name="value", name=value`; nil where it is not that, or a name comes twice.
    private static func parameters(_ bytes: [UInt8]) -> [String: String]? {
        var (parameters, place): ([String: String], Int) = ([:], 0)
        func skip(_ separators: String) {
            while place < bytes.count, separators.utf8.contains(bytes[place]) { place += 1 }
        }
        func word() -> String {
            let start = place
            while place < bytes.count, !" \t,=\"".utf8.contains(bytes[place]) { place += 1 }
            return String(decoding: bytes[start..<place], as: UTF8.self)
        }
        while true {
            skip(" \t,")
            guard place < bytes.count else { return parameters }
            let name = word().lowercased()
            skip(" \t")
            guard !name.isEmpty, place < bytes.count, bytes[place] == UInt8(ascii: "=") else { return nil }
            place += 1
            skip(" \t")
            guard place < bytes.count else { return nil }
            let value: String
            if bytes[place] == UInt8(ascii: "\"") {
                guard let text = quotedText(bytes, &place) else { return nil }
                value = text
            } else {
                value = word()
            }
            guard parameters.updateValue(value, forKey: name) == nil else { return nil }
        }
    }

    /// RFC 9110, section 5.6.4.
    private static func quotedText(_ bytes: [UInt8], _ place: inout Int) -> String? {
        place += 1
        var text: [UInt8] = []
        while place < bytes.count, bytes[place] != UInt8(ascii: "\"") {
            if bytes[place] == UInt8(ascii: "\\") { place += 1 }
            guard place < bytes.count, bytes[place] >= 0x20 else { return nil }
            text.append(bytes[place])
            place += 1
        }
        guard place < bytes.count else { return nil }
        place += 1
        return String(decoding: text, as: UTF8.self)
    }
}
