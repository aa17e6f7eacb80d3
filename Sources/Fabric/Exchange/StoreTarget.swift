/// The target of a request to a store, `/BUCKET/KEY?QUERY`, in its canonical form: decoded once, and encoded as it is signed,
/// sent and looked at alike. Nobody behind can read another bucket out of it.
public struct StoreTarget: Equatable, Sendable {
    /// The longest, in bytes: a key of 1,024 bytes three times as long, and a query.
    static let maxBytes = 16 << 10

    /// Nil: the service itself.
    public let bucket: String?
    public let hasKey: Bool
    /// Encoded, from `/` on.
    public let path: String
    /// Encoded and sorted, without what a signature has left in it.
    public let query: String
    /// Names of the query's parameters, decoded.
    let parameters: Set<String>
    /// Of a presigned URL.
    public let scope: SignatureScope?

    /// Reads a request's target.
    public init(_ target: String) throws(StoreFault) {
        guard target.utf8.count <= Self.maxBytes else {
            throw StoreFault(414, "KeyTooLongError", "The target of a request has at most \(Self.maxBytes) bytes.")
        }
        guard target.hasPrefix("/"), target.utf8.allSatisfy({ (0x21...0x7E).contains($0) }), !target.contains("#")
        else {
            throw Self.invalid("the target is no path in printable characters")
        }
        let parts = target.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        guard let decoded = PercentEncoding.decode(parts[0].utf8) else {
            throw Self.invalid("a % of the path is not followed by two hexadecimal digits")
        }
        let segments = decoded.dropFirst().split(separator: UInt8(ascii: "/"), omittingEmptySubsequences: false)
        // A server or proxy that removes these would read another path than was checked.
        guard !segments.contains(where: { $0.elementsEqual(".".utf8) || $0.elementsEqual("..".utf8) }),
            !decoded.contains(0)
        else { throw Self.invalid("the path has a part . or .., or a byte 0") }
        bucket = try Self.bucket(segments)
        hasKey = segments.count > 1 && (segments.count > 2 || segments.last?.isEmpty == false)
        path = PercentEncoding.encode(decoded, keepsSlashes: true)
        (query, parameters, scope) = try Self.read(query: parts.count > 1 ? parts[1] : "")
    }

    private static func invalid(_ reason: String) -> StoreFault {
        StoreFault(400, "InvalidURI", "Couldn't parse the specified URI: \(reason).")
    }

    private static func bucket(_ segments: [ArraySlice<UInt8>]) throws(StoreFault) -> String? {
        guard let first = segments.first, !(first.isEmpty && segments.count == 1) else { return nil }
        return try bucket(named: first)
    }

    /// A bucket's name (3 to 63 of a-z, 0-9, dot and hyphen).
    static func bucket(named bytes: ArraySlice<UInt8>) throws(StoreFault) -> String {
        let isPlain = bytes.allSatisfy { byte in
            (0x30...0x39).contains(byte) || (0x61...0x7A).contains(byte) || ".-".utf8.contains(byte)
        }
        guard isPlain, (3...63).contains(bytes.count) else {
            throw StoreFault(400, "InvalidBucketName", "The specified bucket is not valid.")
        }
        return String(decoding: bytes, as: UTF8.self)
    }

    private static func read(
        query: Substring
    ) throws(StoreFault) -> (query: String, parameters: Set<String>, scope: SignatureScope?) {
        var pairs: [(name: String, value: String)] = []
        var parameters: Set<String> = []
        var scope: SignatureScope?
        for pair in query.split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            guard let name = decode(halves[0]), let value = decode(halves.count > 1 ? halves[1] : "") else {
                throw invalid("a % of the query is not followed by two hexadecimal digits")
            }
            let plain = String(decoding: name, as: UTF8.self).lowercased()
            if plain == "x-amz-credential" {
                scope = SignatureScope(credential: String(decoding: value, as: UTF8.self))
            }
            if SignatureScope.queryNames.contains(plain) { continue }
            parameters.insert(plain)
            pairs.append(
                (PercentEncoding.encode(name, keepsSlashes: false), PercentEncoding.encode(value, keepsSlashes: false)))
        }
        pairs.sort { ($0.name, $0.value) < ($1.name, $1.value) }
        return (pairs.map { "\($0.name)=\($0.value)" }.joined(separator: "&"), parameters, scope)
    }

    /// Of a query, where a plus is a blank.
    private static func decode(_ text: Substring) -> [UInt8]? {
        PercentEncoding.decode(text.utf8.map { $0 == UInt8(ascii: "+") ? 0x20 : $0 })
    }
}
