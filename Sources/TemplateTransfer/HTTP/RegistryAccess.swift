import LeanJSON
import LinuxSystem
import NIOHTTP1
import Synchronization
import TemplateRegistry

/// Gets what a registry asks for before it answers: a user's password, or a token of a server that the registry names.
final class RegistryAccess: Sendable {
    private static let maxToken = 64 << 10

    private let repository: Repository
    private let credentials: RegistryCredentials
    private let transport: HTTPTransport
    private let allowsPlain: Bool
    private let header = Mutex<String?>(nil)

    /// - Parameter allowsPlain: passwords may go to servers by HTTP too.
    init(_ repository: Repository, credentials: RegistryCredentials, transport: HTTPTransport, allowsPlain: Bool) {
        self.repository = repository
        self.credentials = credentials
        self.transport = transport
        self.allowsPlain = allowsPlain
    }

    /// The header `Authorization` that was last accepted; nil: nothing was asked for.
    var authorization: String? { header.withLock { $0 } }

    /// Answers a challenge; the header for the next attempt.
    ///
    /// - Parameter what: what was refused, for messages.
    func answer(_ challenges: [String], what: String) throws(TransferError) -> String {
        guard let challenge = challenges.lazy.compactMap({ RegistryChallenge($0) }).first else {
            throw .unauthorized(
                what: what, hint: "it asks for \(quoted(challenges.first ?? "nothing")), which is not known")
        }
        let fresh: String
        switch challenge {
        case .basic:
            guard let pair = credentials[repository] else { throw .unauthorized(what: what, hint: hint) }
            fresh = "Basic \(Base64.encode(pair))"
        case .bearer(let realm, let service, let scope):
            fresh = "Bearer \(try token(realm, service, scope, what: what))"
        }
        header.withLock { $0 = fresh }
        return fresh
    }

    private func token(
        _ realm: String, _ service: String?, _ scope: String?, what: String
    ) throws(TransferError) -> String {
        guard var url = RegistryURL(realm) else {
            throw .unauthorized(what: what, hint: "its tokens come from \(quoted(realm)), which is no address")
        }
        guard url.origin.isSecure || allowsPlain || Repository.isLoopback(url.origin.host) else {
            throw .unauthorized(what: what, hint: "its tokens come from \(url.origin), and not by TLS")
        }
        if let service { url = url.adding("service", service) }
        if let scope { url = url.adding("scope", scope) }
        var request = TransferRequest(.GET, url)
        request.maxAnswer = Self.maxToken
        if let pair = credentials[repository] {
            request.headers.append(("Authorization", "Basic \(Base64.encode(pair))"))
        }
        let answer = try transport.send(request)
        guard answer.status == 200 else {
            throw .unauthorized(what: what, hint: "\(url.origin) gives no token (status \(answer.status)); \(hint)")
        }
        let json = JSONValue(answer.body)
        guard let token = json?["token"]?.text ?? json?["access_token"]?.text, !token.isEmpty,
            token.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        else { throw .unauthorized(what: what, hint: "\(url.origin) answers without a token") }
        return token
    }

    private var hint: String {
        if credentials.namesProgram(for: repository) {
            return "the file of credentials names a program for it, which czone does not run; `auths` has to have them"
        }
        return credentials[repository] == nil
            ? "there are no credentials for \(repository.authority) (`docker login`, or --credentials FILE)"
            : "the credentials for \(repository.authority) are not accepted"
    }
}
