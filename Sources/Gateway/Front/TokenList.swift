import Events
import LinuxSystem

/// Tenants' bearer tokens (RFC 6750). Immutable.
struct TokenList: Sendable {
    /// What a caller may use.
    enum Grant: Equatable, Sendable {
        /// Every function: no token is asked for.
        case all
        case tenant(String)

        func mayUse(_ service: FunctionService) -> Bool {
            switch self {
            case .all: true
            case .tenant(let name): service.definition.tenant == name
            }
        }
    }

    /// A token that is shorter could be guessed.
    static let minLength = 16

    private let tenants: [(token: [UInt8], tenant: String)]

    /// Reads lines of a tenant's name and a token; empty ones, and those that begin with `#`, say nothing.
    /// - Throws: the first line that is neither, without the token.
    init(_ text: String, file: String) throws(StartError) {
        var tenants: [(token: [UInt8], tenant: String)] = []
        for (index, line) in text.split(separator: "\n", omittingEmptySubsequences: false).enumerated() {
            let words = line.split(whereSeparator: \.isWhitespace)
            if words.isEmpty || words[0].hasPrefix("#") { continue }
            guard words.count == 2, words[1].utf8.count >= Self.minLength else {
                throw StartError(
                    "\(file):\(index + 1): expected TENANT TOKEN, the token of at least \(Self.minLength) characters")
            }
            tenants.append((Array(words[1].utf8), String(words[0])))
        }
        guard !tenants.isEmpty else { throw StartError("\(file): there is no token in it") }
        self.tenants = tenants
    }

    /// Whose token an `Authorization` header has; nil: nobody's.
    func grant(_ header: String?) -> Grant? {
        guard let words = header?.split(separator: " "), words.count == 2, words[0].lowercased() == "bearer" else {
            return nil
        }
        let given = Array(words[1].utf8)
        var found: String?
        // All are compared, and each to its end: the time gives nothing of any away.
        for entry in tenants where Self.areEqual(entry.token, given) { found = entry.tenant }
        return found.map { .tenant($0) }
    }

    private static func areEqual(_ token: [UInt8], _ given: [UInt8]) -> Bool {
        var difference = UInt8(token.count == given.count ? 0 : 1)
        for (index, byte) in token.enumerated() { difference |= byte ^ (index < given.count ? given[index] : 0) }
        return difference == 0
    }
}

/// Why the gateway does not begin.
struct StartError: Error, CustomStringConvertible {
    let description: String
    init(_ description: String) { self.description = description }
}
