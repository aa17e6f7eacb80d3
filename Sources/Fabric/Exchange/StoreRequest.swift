public import FabricPolicies
import HTTPExchange
public import NIOHTTP1

/// A container's request that its policy allows, ready to be signed. Immutable.
public struct StoreRequest: Sendable {
    /// Methods of S3's operations.
    private static let methods: [HTTPMethod] = [.GET, .HEAD, .PUT, .POST, .DELETE]
    /// Signed anew, about the way here, or what a container may not say.
    private static let dropped = [
        "host", "authorization", "date", "expect", "forwarded", "via", "x-amz-date", "x-amz-security-token",
        "x-amz-s3session-token",
    ]
    /// The most that a request's headers may have, in bytes.
    private static let maxHeaderBytes = 64 << 10

    let method: HTTPMethod
    let target: StoreTarget
    let headers: HTTPHeaders
    let service: FabricPolicy.Service
    let region: String
    let endpoint: FabricPolicy.Endpoint
    /// What the signature says of the body.
    let payload: String

    /// Looks at a request.
    /// - Throws: why the policy does not allow it, or it makes no sense.
    public init(_ head: HTTPRequestHead, for policy: FabricPolicy) throws(StoreFault) {
        guard Self.methods.contains(head.method) else {
            throw StoreFault(405, "MethodNotAllowed", "The fabric passes on GET, HEAD, PUT, POST and DELETE.")
        }
        method = head.method
        target = try StoreTarget(head.uri)
        let scope = try Self.scope(of: head, target, policy)
        guard let service = policy.service(scope.service, in: scope.region) else {
            throw .denied(
                "The policy \(policy.name) allows no \(scope.service) in \(scope.region): the fabric passes on nothing else."
            )
        }
        (self.service, region, endpoint) = (service, scope.region, service.endpoint(in: scope.region))
        headers = try Self.passedOn(head.headers)
        payload = try Self.payload(of: head, isSecure: endpoint.isSecure)
        try checkBuckets(policy)
    }

    /// Whether it may be sent twice: its effect is that of once (RFC 9110, section 9.2.2), and no condition would see it.
    var isIdempotent: Bool {
        switch method {
        case .GET, .HEAD, .DELETE: true
        case .PUT: !headers.contains(name: "if-match") && !headers.contains(name: "if-none-match")
        default: false
        }
    }

    private static func scope(
        of head: HTTPRequestHead, _ target: StoreTarget, _ policy: FabricPolicy
    ) throws(StoreFault) -> SignatureScope {
        let values = head.headers["authorization"]
        guard values.count <= 1 else { throw .invalid("There is more than one Authorization header.") }
        var scope = target.scope ?? SignatureScope(defaultOf: policy)
        if let value = values.first {
            guard let signed = SignatureScope(authorization: value) else {
                throw .invalid("The fabric understands signatures of version 4 (AWS4-HMAC-SHA256) alone.")
            }
            scope = signed
        }
        guard scope.key == FabricPolicy.placeholderKey else {
            throw StoreFault(
                403, "InvalidAccessKeyId",
                "The fabric signs with the policy's keys: a request that was signed with others cannot go through it.")
        }
        return scope
    }

    /// Without what is not the store's to see.
    private static func passedOn(_ headers: HTTPHeaders) throws(StoreFault) -> HTTPHeaders {
        var bytes = 0
        for (name, value) in headers {
            bytes += name.utf8.count + value.utf8.count + 4
            guard value.utf8.allSatisfy({ $0 == 0x09 || $0 >= 0x20 && $0 != 0x7F }) else {
                throw .invalid("A header has control characters.")
            }
        }
        guard bytes <= maxHeaderBytes else {
            throw StoreFault(400, "RequestHeaderSectionTooLarge", "The headers have more than \(maxHeaderBytes) bytes.")
        }
        let isChunked = headers.contains(name: "transfer-encoding")
        var passed = headers.passedOn
        for name in dropped { passed.remove(name: name) }
        for (name, _) in passed where name.lowercased().hasPrefix("x-forwarded-") { passed.remove(name: name) }
        if isChunked, !passed.contains(name: "content-length") {
            passed.add(name: "Transfer-Encoding", value: "chunked")
        }
        return passed
    }

    /// What stands for the body in the signature: what the caller says of it, where the store can check that.
    private static func payload(of head: HTTPRequestHead, isSecure: Bool) throws(StoreFault) -> String {
        guard let said = head.headers.first(name: "x-amz-content-sha256") else { return "UNSIGNED-PAYLOAD" }
        // Its pieces are signed with the placeholder.
        guard !said.hasPrefix("STREAMING-AWS4") else {
            throw StoreFault(
                501, "NotImplemented",
                "The fabric does not sign bodies piece by piece: have the SDK send unsigned chunks, or the whole digest."
            )
        }
        let isDigest = said.utf8.count == 64 && said.utf8.allSatisfy { $0 < 0x80 } && said.allSatisfy(\.isHexDigit)
        guard isDigest || ["UNSIGNED-PAYLOAD", "STREAMING-UNSIGNED-PAYLOAD-TRAILER"].contains(said) else {
            throw .invalid("x-amz-content-sha256 is neither a digest nor a word for none.")
        }
        return said
    }

    private func checkBuckets(_ policy: FabricPolicy) throws(StoreFault) {
        guard let bucket = target.bucket else {
            guard service.allowsAllBuckets else {
                throw .denied("The policy \(policy.name) names buckets, and so there is no list of all.")
            }
            return
        }
        guard service.allows(bucket: bucket) else {
            throw .denied("The policy \(policy.name) does not allow the bucket \(bucket).")
        }
        // CreateSession: its answer is made of keys.
        guard !target.parameters.contains("session") else {
            throw .denied("The fabric passes on no request for keys.")
        }
        for source in headers["x-amz-copy-source"] {
            let path = source.prefix { $0 != "?" }
            guard let decoded = PercentEncoding.decode(path.utf8) else {
                throw .invalid("x-amz-copy-source has a % that is not followed by two hexadecimal digits.")
            }
            // Of an access point's name nobody here knows the bucket: that has a colon, and is no bucket's.
            let trimmed = decoded.first == UInt8(ascii: "/") ? decoded.dropFirst() : decoded[...]
            let name = try StoreTarget.bucket(named: trimmed.prefix { $0 != UInt8(ascii: "/") })
            guard service.allows(bucket: name) else {
                throw .denied(
                    "The policy \(policy.name) does not allow the bucket \(name), which is to be copied from.")
            }
            guard !decoded.split(separator: UInt8(ascii: "/")).contains(where: { $0.elementsEqual("..".utf8) }) else {
                throw .invalid("x-amz-copy-source has a part ..")
            }
        }
    }

    /// The head that the store gets, signed at a moment.
    func signed(with credentials: FabricCredentials, at nanoseconds: UInt64) -> HTTPRequestHead {
        var headers = headers
        let time = SignatureV4.time(nanoseconds)
        headers.replaceOrAdd(name: "Host", value: endpoint.authority)
        headers.replaceOrAdd(name: "x-amz-date", value: time)
        headers.replaceOrAdd(name: "x-amz-content-sha256", value: payload)
        if let token = credentials.sessionToken { headers.replaceOrAdd(name: "x-amz-security-token", value: token) }
        let names = Set(headers.map { $0.name.lowercased() }).filter {
            $0.hasPrefix("x-amz-") || ["host", "content-type", "content-md5"].contains($0)
        }
        let request = SignatureV4.Request(
            method: method.rawValue, path: target.path, query: target.query,
            headers: names.map { ($0, headers[$0].joined(separator: ",")) }, payload: payload)
        let signature = SignatureV4(
            credentials: credentials, region: region, service: service.name, time: time)
        headers.add(name: "Authorization", value: signature.authorization(request))
        let uri = target.query.isEmpty ? target.path : "\(target.path)?\(target.query)"
        return HTTPRequestHead(version: .http1_1, method: method, uri: uri, headers: headers)
    }
}
