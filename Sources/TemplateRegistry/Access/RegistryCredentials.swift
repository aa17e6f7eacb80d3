import LeanJSON
import LinuxSystem

/// Users' names and passwords for registries, from a file as docker writes it: `{"auths": {"HOST": {"auth": BASE64}}}`.
package struct RegistryCredentials: Sendable {
    /// `user:password` by the registry's authority.
    private let known: [String: [UInt8]]
    private let helpers: Set<String>

    /// No registry knows us.
    package static let none = RegistryCredentials(known: [:], helpers: [])

    private init(known: [String: [UInt8]], helpers: Set<String>) {
        self.known = known
        self.helpers = helpers
    }

    /// The longest file that is read, in bytes.
    package static let maxBytes = 1 << 20

    /// - Parameter file: what messages name it by.
    package init(_ bytes: [UInt8], file: String) throws(CredentialError) {
        guard bytes.count <= Self.maxBytes, let json = JSONValue(bytes), let members = json.members else {
            throw CredentialError("\(file): expected JSON as `docker login` writes it, of at most 1 MiB")
        }
        var known: [String: [UInt8]] = [:]
        for (host, entry) in members["auths"]?.members ?? [:] {
            let name = Self.authority(host)
            if let user = entry["username"]?.text, let password = entry["password"]?.text {
                known[name] = Array("\(user):\(password)".utf8)
            } else if let text = entry["auth"]?.text, !text.isEmpty {
                guard let pair = Base64.decode(text), pair.contains(UInt8(ascii: ":")) else {
                    throw CredentialError("\(file): auths has no USER:PASSWORD in base64 for \(quoted(host))")
                }
                known[name] = pair
            }
        }
        self.known = known
        helpers = Set((members["credHelpers"]?.members ?? [:]).keys.map(Self.authority))
    }

    /// The `user:password` of a registry; nil: it is asked without.
    package subscript(_ repository: Repository) -> [UInt8]? { known[repository.authority] }

    /// Whether the file names a program that has them: none is run.
    package func namesProgram(for repository: Repository) -> Bool { helpers.contains(repository.authority) }

    /// docker writes some registries as URLs.
    private static func authority(_ text: String) -> String {
        var rest = Substring(text)
        for scheme in ["http://", "https://"] where rest.hasPrefix(scheme) { rest = rest.dropFirst(scheme.count) }
        return String(rest.prefix { $0 != "/" })
    }
}

/// What is wrong with a file of credentials; already a sentence, which has none of them.
package struct CredentialError: Error, CustomStringConvertible {
    package let description: String

    package init(_ description: String) { self.description = description }
}

/// RFC 4648, section 4.
package enum Base64 {
    private static let digits = Array("ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/".utf8)

    package static func encode(_ bytes: [UInt8]) -> String {
        var text: [UInt8] = []
        for start in stride(from: 0, to: bytes.count, by: 3) {
            let piece = bytes[start..<min(start + 3, bytes.count)]
            let bits = piece.reduce(UInt32(0)) { $0 << 8 | UInt32($1) } << UInt32(8 * (3 - piece.count))
            for place in 0..<4 {
                text.append(place <= piece.count ? digits[Int(bits >> UInt32(18 - 6 * place) & 63)] : UInt8(ascii: "="))
            }
        }
        return String(decoding: text, as: UTF8.self)
    }

    /// Nil for anything else; padding may be missing.
    package static func decode(_ text: String) -> [UInt8]? {
        var (bytes, bits, count): ([UInt8], UInt32, Int) = ([], 0, 0)
        var rest = text.utf8[...]
        while rest.last == UInt8(ascii: "=") { rest = rest.dropLast() }
        guard text.utf8.count - rest.count <= 2, rest.count % 4 != 1 else { return nil }
        for character in rest {
            guard let digit = digits.firstIndex(of: character) else { return nil }
            (bits, count) = (bits << 6 | UInt32(digit), count + 6)
            guard count >= 8 else { continue }
            count -= 8
            bytes.append(UInt8(truncatingIfNeeded: bits >> UInt32(count)))
        }
        return bytes
    }
}
