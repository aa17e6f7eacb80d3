import Hashing
import LinuxSystem

/// AWS's signature, version 4, in a header ("Authenticating Requests: Using the Authorization Header", AWS4-HMAC-SHA256).
struct SignatureV4 {
    /// What is signed. Path and query are as they are sent, in their canonical form.
    struct Request {
        var method: String
        var path: String
        var query: String
        /// All that are signed, `host` and `x-amz-date` too, by lower-case names; each name once.
        var headers: [(name: String, value: String)]
        /// The body's digest in hexadecimal digits, or the word that stands in its place.
        var payload: String
    }

    static let algorithm = "AWS4-HMAC-SHA256"

    let credentials: FabricCredentials
    let region: String
    let service: String
    /// As `x-amz-date` has it: `20150830T123600Z`.
    let time: String

    /// The value of the `Authorization` header.
    func authorization(_ request: Request) -> String {
        let names = request.headers.map(\.name).sorted().joined(separator: ";")
        return "\(Self.algorithm) Credential=\(credentials.key)/\(scope), SignedHeaders=\(names), "
            + "Signature=\(signature(request))"
    }

    func signature(_ request: Request) -> String {
        let digest = hexadecimal(SHA256.digest(of: Array(Self.canonical(request).utf8)))
        let text = [Self.algorithm, time, scope, digest].joined(separator: "\n")
        return hexadecimal(HMAC.code(of: Array(text.utf8), key: signingKey))
    }

    private var day: String { String(time.prefix(8)) }
    private var scope: String { "\(day)/\(region)/\(service)/aws4_request" }

    private var signingKey: [UInt8] {
        [day, region, service, "aws4_request"].reduce(Array("AWS4\(credentials.secret)".utf8)) { key, word in
            HMAC.code(of: Array(word.utf8), key: key)
        }
    }

    /// The canonical request.
    static func canonical(_ request: Request) -> String {
        let headers = request.headers.sorted { $0.name < $1.name }
        let lines = headers.map { "\($0.name):\(collapsed($0.value))\n" }.joined()
        let names = headers.map(\.name).joined(separator: ";")
        return [request.method, request.path, request.query, lines, names, request.payload].joined(separator: "\n")
    }

    /// Without blanks around it, and with one for several.
    private static func collapsed(_ value: String) -> String {
        value.split(separator: " ", omittingEmptySubsequences: true).joined(separator: " ")
    }

    /// A moment as `x-amz-date` has it.
    static func time(_ nanoseconds: UInt64) -> String {
        // 2026-11-29T08:41:31.000000042Z
        let text = Timestamp(nanoseconds: nanoseconds).description
        return text.prefix(19).filter { $0 != "-" && $0 != ":" } + "Z"
    }
}
