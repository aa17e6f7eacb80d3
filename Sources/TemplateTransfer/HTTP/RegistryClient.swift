import LeanJSON
import LinuxSystem
import NIOHTTP1
package import OCI
package import TemplateRegistry

/// Asks one repository of a registry (OCI distribution specification 1.1). Any thread may use it.
package final class RegistryClient: Sendable {
    private static let maxRedirections = 3
    private static let redirections = [301, 302, 307, 308]

    package let repository: Repository
    private let transport: HTTPTransport
    private let access: RegistryAccess
    private let origin: RegistryURL.Origin
    private let allowsPlain: Bool

    /// - Parameters:
    ///   - allowsPlain: it is asked by HTTP, though it is none of this host's.
    package init(
        _ repository: Repository, transport: HTTPTransport, credentials: RegistryCredentials, allowsPlain: Bool
    ) throws(TransferError) {
        guard !repository.isPlain || allowsPlain || repository.isLoopback else {
            throw .invalid(
                "http://\(repository.authority) is not this host: its packets could be anybody's; --plain-http allows it"
            )
        }
        self.repository = repository
        self.transport = transport
        self.allowsPlain = allowsPlain
        origin = RegistryURL.Origin(
            isSecure: !(repository.isPlain || allowsPlain), host: repository.host, port: repository.port)
        access = RegistryAccess(
            repository, credentials: credentials, transport: transport, allowsPlain: allowsPlain)
    }

    private func request(_ method: HTTPMethod, _ path: String) -> TransferRequest {
        TransferRequest(method, RegistryURL(origin, path: "/v2/\(repository.name)/\(path)"))
    }

    // MARK: blobs

    /// Whether the repository has a blob.
    package func has(_ digest: Digest) throws(TransferError) -> Bool {
        let answer = try perform(request(.HEAD, "blobs/\(digest)"), what: "read from \(repository)")
        if answer.status == 404 { return false }
        try Self.check(answer, [200], "the question for the blob \(digest)")
        return true
    }

    /// Sends a blob, unless the repository has it; whether it was sent.
    package func upload(_ bytes: [UInt8], _ digest: Digest) throws(TransferError) -> Bool {
        if try has(digest) { return false }
        let what = "write to \(repository)"
        let begun = try perform(request(.POST, "blobs/uploads/"), what: what)
        try Self.check(begun, [202], "a blob's upload")
        guard let location = begun.headers.first(name: "Location"),
            let url = RegistryURL(location, relativeTo: RegistryURL(origin, path: "/"))
        else { throw .answer(server: origin.description, reason: "an upload without a place (Location)") }
        var put = TransferRequest(.PUT, url.adding("digest", digest.description))
        put.headers = [("Content-Type", "application/octet-stream")]
        put.body = bytes
        try Self.check(try perform(put, what: what), [201], "the blob \(digest)")
        return true
    }

    /// A whole blob, which has its digest.
    ///
    /// - Parameter size: as it was announced, in bytes; another one is refused.
    package func blob(_ digest: Digest, size: Int, what: String) throws(TransferError) -> [UInt8] {
        var request = request(.GET, "blobs/\(digest)")
        request.maxAnswer = size
        let answer = try perform(request, what: "read from \(repository)")
        guard answer.status != 404 else { throw .missing(what: "\(what) (the blob \(digest))") }
        try Self.check(answer, [200], "\(what) (the blob \(digest))")
        let found = Digest(of: answer.body)
        guard answer.body.count == size, found == digest else {
            throw .altered(what: "\(what) (\(answer.body.count) bytes)", found: "\(found)", expected: "\(digest)")
        }
        return answer.body
    }

    /// A range of a blob, unchecked; the whole blob where the registry knows no ranges.
    ///
    /// - Parameters:
    ///   - digest: the blob's.
    ///   - range: in bytes.
    ///   - size: the blob's.
    /// - Returns: exactly the range.
    package func part(_ digest: Digest, _ range: Range<Int>, ofSize size: Int) throws(TransferError) -> [UInt8] {
        var request = request(.GET, "blobs/\(digest)")
        request.maxAnswer = size
        let isWhole = range == 0..<size
        if !isWhole { request.headers.append(("Range", "bytes=\(range.lowerBound)-\(range.upperBound - 1)")) }
        let answer = try perform(request, what: "read from \(repository)")
        guard answer.status != 404 else { throw .missing(what: "pack \(digest)") }
        try Self.check(answer, [200, 206], "bytes \(range.lowerBound) to \(range.upperBound) of the pack \(digest)")
        let body =
            answer.status == 200 && !isWhole && answer.body.count == size ? Array(answer.body[range]) : answer.body
        guard body.count == range.count else {
            throw .answer(
                server: origin.description,
                reason: "\(answer.body.count) bytes of the pack \(digest), expected \(range.count)")
        }
        return body
    }

    // MARK: manifests

    /// The manifest of a tag or digest, which has that digest.
    package func manifest(_ reference: RegistryReference) throws(TransferError) -> (bytes: [UInt8], digest: Digest) {
        guard let name = reference.digest?.description ?? reference.tag else {
            throw .invalid("\(reference) names no tag and no digest")
        }
        var request = request(.GET, "manifests/\(name)")
        request.headers = [("Accept", TemplateManifest.mediaType)]
        request.maxAnswer = TemplateManifest.maxBytes
        let answer = try perform(request, what: "read from \(repository)")
        guard answer.status != 404 else { throw .missing(what: "template \(reference)") }
        try Self.check(answer, [200], "the template \(reference)")
        let digest = Digest(of: answer.body)
        if let expected = reference.digest, digest != expected {
            throw .altered(what: "the manifest of \(reference)", found: "\(digest)", expected: "\(expected)")
        }
        return (answer.body, digest)
    }

    package func putManifest(_ bytes: [UInt8], tag: String) throws(TransferError) {
        var request = request(.PUT, "manifests/\(tag)")
        request.headers = [("Content-Type", TemplateManifest.mediaType)]
        request.body = bytes
        try Self.check(
            try perform(request, what: "write to \(repository)"), [201], "the manifest of \(repository):\(tag)")
    }

    /// Some tags of the repository, none where there is no such repository yet.
    package func tags(atMost count: Int) throws(TransferError) -> [String] {
        var request = request(.GET, "tags/list?n=\(count)")
        request.maxAnswer = 1 << 20
        let answer = try perform(request, what: "read from \(repository)")
        guard answer.status == 200 else { return [] }
        return (JSONValue(answer.body)?["tags"]?.elements ?? []).prefix(count).compactMap(\.text)
    }

    // MARK: requests

    /// Sends a request, with what the registry asks for, and follows it to where the registry sends it.
    private func perform(_ request: TransferRequest, what: String) throws(TransferError) -> TransferAnswer {
        var request = request
        var hasAnswered = false
        for _ in 0...Self.maxRedirections + 1 {
            let answer = try transport.send(authorized(request))
            switch answer.status {
            case 401 where !hasAnswered && request.url.origin == origin:
                hasAnswered = true
                _ = try access.answer(answer.headers["WWW-Authenticate"], what: what)
            case 401, 403:
                let words = Self.words(of: answer)
                throw .unauthorized(
                    what: what, hint: "status \(answer.status)" + (words.isEmpty ? "" : ", \(quoted(words))"))
            case let status where Self.redirections.contains(status) && [.GET, .HEAD].contains(request.method):
                request.url = try redirection(of: answer, request.url)
            default: return answer
            }
        }
        throw .answer(server: origin.description, reason: "more than \(Self.maxRedirections) redirections")
    }

    /// What the registry has accepted is for nobody else.
    private func authorized(_ request: TransferRequest) -> TransferRequest {
        var request = request
        if request.url.origin == origin, let authorization = access.authorization {
            request.headers.append(("Authorization", authorization))
        }
        return request
    }

    private func redirection(of answer: TransferAnswer, _ from: RegistryURL) throws(TransferError) -> RegistryURL {
        let location = answer.headers.first(name: "Location") ?? ""
        guard let url = RegistryURL(location, relativeTo: from) else {
            throw .answer(server: origin.description, reason: "a redirection to \(quoted(location))")
        }
        guard url.origin.isSecure || url.origin == from.origin || allowsPlain || Repository.isLoopback(url.origin.host)
        else {
            throw .answer(server: origin.description, reason: "a redirection to \(url.origin), which is not by TLS")
        }
        return url
    }

    private static func check(_ answer: TransferAnswer, _ expected: [Int], _ what: String) throws(TransferError) {
        guard !expected.contains(answer.status) else { return }
        throw .refused(what: what, status: answer.status, words: words(of: answer))
    }

    /// What a registry says for people (distribution specification, "Error Codes").
    private static func words(of answer: TransferAnswer) -> String {
        let error = JSONValue(answer.body)?["errors"]?.elements?.first
        return error?["message"]?.text ?? error?["code"]?.text ?? ""
    }
}
