import FabricPolicies
import NIOCore
import NIOHTTP1
import Testing

@testable import Fabric

@Suite struct StoreRequestTests {
    private static let policy: FabricPolicy = {
        var policy = FabricPolicy(name: "p")
        policy.tenants = ["default"]
        var service = FabricPolicy.Service()
        service.regions = ["eu-west-1"]
        service.buckets = ["photos", "logs-*"]
        policy.services = [service]
        return policy
    }()
    private static let scope = "AWS4-HMAC-SHA256 Credential=CZFABRICPLACEHOLDER0/20260101/eu-west-1/s3/aws4_request"

    private func request(
        _ target: String, _ method: HTTPMethod = .GET, _ headers: HTTPHeaders = [:]
    ) throws(StoreFault) -> StoreRequest {
        var headers = headers
        if !headers.contains(name: "authorization") {
            headers.add(name: "Authorization", value: "\(Self.scope), SignedHeaders=host, Signature=00")
        }
        return try StoreRequest(
            HTTPRequestHead(version: .http1_1, method: method, uri: target, headers: headers), for: Self.policy)
    }

    private func code(
        _ target: String, _ method: HTTPMethod = .GET, _ headers: HTTPHeaders = [:]
    ) -> String? {
        do throws(StoreFault) {
            _ = try request(target, method, headers)
            return nil
        } catch { return error.code }
    }

    @Test func aPathIsSignedAsItIsSent() throws {
        let request = try request("/photos/a%2fb%20c=d/%C3%A9?versionId=x&prefix=a+b&uploads")
        #expect(request.target.path == "/photos/a/b%20c%3Dd/%C3%A9")
        #expect(request.target.query == "prefix=a%20b&uploads=&versionId=x")
        let credentials = try FabricCredentials(
            "[d]\naws_access_key_id=K\naws_secret_access_key=S\naws_session_token=T", profile: "d")
        let head = request.signed(with: credentials, at: 0)
        #expect(head.uri == "/photos/a/b%20c%3Dd/%C3%A9?prefix=a%20b&uploads=&versionId=x")
        #expect(head.headers["host"] == ["s3.eu-west-1.amazonaws.com"])
        #expect(head.headers["x-amz-security-token"] == ["T"])
        #expect(head.headers["authorization"].count == 1)
        #expect(head.headers["authorization"][0].contains("Credential=K/19700101/eu-west-1/s3/aws4_request"))
    }

    @Test(arguments: [
        "photos/a", "http://photos/a", "*", "/photos/../secret/a", "/photos/%2e%2e/secret/a", "/photos/./a",
        "/photos/%2E",
        "/photos/a%0", "/photos/a%zz", "/photos/a#b", "/photos/a b", "/photos/a%00", "/photos/é",
    ])
    func aTargetThatCouldBeReadInTwoWaysIsRefused(target: String) { #expect(code(target) == "InvalidURI") }

    @Test(arguments: [
        ("/secret/a", "AccessDenied"), ("/photos2/a", "AccessDenied"), ("/log/a", "AccessDenied"),
        ("/", "AccessDenied"),
        ("//photos/a", "InvalidBucketName"), ("/photos%2Fa/b", nil), ("/Photos/a", "InvalidBucketName"),
        ("/photos", nil), ("/photos/", nil), ("/logs-2026/a", nil), ("/photos?session", "AccessDenied"),
    ])
    func bucketsAreThoseOfThePolicy(target: String, expected: String?) { #expect(code(target) == expected) }

    @Test func whatIsCopiedIsOfThePolicyToo() {
        for (source, expected) in [
            ("photos/a", nil), ("/photos/a", nil), ("secret/a", "AccessDenied"), ("/secret%2Fa", "AccessDenied"),
            ("photos/../secret/a", "InvalidRequest"), ("arn:aws:s3:eu-west-1:1:accesspoint/a", "InvalidBucketName"),
        ] {
            #expect(code("/photos/b", .PUT, ["x-amz-copy-source": source]) == expected, "\(source)")
        }
    }

    @Test func otherKeysServicesAndRegionsAreRefused() {
        for (credential, expected) in [
            ("AKIA/20260101/eu-west-1/s3/aws4_request", "InvalidAccessKeyId"),
            ("CZFABRICPLACEHOLDER0/20260101/us-east-1/s3/aws4_request", "AccessDenied"),
            ("CZFABRICPLACEHOLDER0/20260101/eu-west-1/sts/aws4_request", "AccessDenied"),
            ("CZFABRICPLACEHOLDER0/20260101/eu-west-1/s3", "InvalidRequest"),
        ] {
            let value = "AWS4-HMAC-SHA256 Credential=\(credential), SignedHeaders=host, Signature=00"
            #expect(code("/photos/a", .GET, ["authorization": value]) == expected, "\(credential)")
        }
        #expect(code("/photos/a", .GET, ["authorization": "AWS AKIA:sig"]) == "InvalidRequest")
        #expect(
            code("/photos/a", .GET, HTTPHeaders([("authorization", "a"), ("authorization", "b")])) == "InvalidRequest")
    }

    @Test func aPresignedQueryIsSignedAnew() throws {
        let signed =
            "X-Amz-Algorithm=AWS4-HMAC-SHA256&X-Amz-Credential=CZFABRICPLACEHOLDER0%2F20260101%2Feu-west-1%2Fs3"
        let target = "/photos/a?\(signed)%2Faws4_request&X-Amz-Signature=00&X-Amz-Expires=60&versionId=1"
        let head = HTTPRequestHead(version: .http1_1, method: .GET, uri: target)
        #expect(try StoreRequest(head, for: Self.policy).target.query == "versionId=1")
        let foreign = HTTPRequestHead(
            version: .http1_1, method: .GET, uri: target.replacing("CZFABRICPLACEHOLDER0", with: "AKIA"))
        #expect(throws: StoreFault.self) { try StoreRequest(foreign, for: Self.policy) }
    }

    @Test func whatAContainerMayNotSayIsTakenAway() throws {
        let request = try request(
            "/photos/a", .PUT,
            [
                "Host": "evil", "X-Amz-Date": "x", "X-Amz-Security-Token": "x", "Connection": "X-Custom",
                "X-Custom": "y",
                "X-Forwarded-For": "1.2.3.4", "Forwarded": "x", "Proxy-Authorization": "x", "Expect": "100-continue",
                "Content-Length": "3", "X-Amz-Meta-A": "b",
            ])
        #expect(
            Set(request.headers.map { $0.name.lowercased() }) == ["content-length", "x-amz-meta-a"])
        #expect(code("/photos/a", .GET, ["x-amz-meta-a": "a\r\nHost: evil"]) == "InvalidRequest")
        #expect(code("/photos/a", .GET, ["x-amz-meta-a": String(repeating: "a", count: 70_000)]) != nil)
        for method in [HTTPMethod.CONNECT, .OPTIONS, .TRACE, .PATCH, .RAW(value: "EVIL")] {
            #expect(code("/photos/a", method) == "MethodNotAllowed")
        }
    }

    @Test func theBodyIsSignedAsItsDigestOrNotAtAll() throws {
        let digest = String(repeating: "0a", count: 32)
        #expect(try request("/photos/a", .PUT, ["x-amz-content-sha256": digest]).payload == digest)
        #expect(try request("/photos/a", .PUT).payload == "UNSIGNED-PAYLOAD")
        let pieces = "STREAMING-AWS4-HMAC-SHA256-PAYLOAD"
        #expect(code("/photos/a", .PUT, ["x-amz-content-sha256": pieces]) == "NotImplemented")
        #expect(code("/photos/a", .PUT, ["x-amz-content-sha256": "x"]) == "InvalidRequest")
    }

    @Test func whatHasAConditionOrAddsIsNotSentTwice() throws {
        #expect(try request("/photos/a", .PUT).isIdempotent)
        #expect(try !request("/photos/a", .PUT, ["If-None-Match": "*"]).isIdempotent)
        #expect(try !request("/photos/a?uploads", .POST).isIdempotent)
    }

    @Test func anErrorIsADocumentOfS3s() {
        let document = StoreFault.denied("a <b> & \u{1}c").document(resource: "/x", request: "1F")
        #expect(
            String(buffer: document) == """
                <?xml version="1.0" encoding="UTF-8"?>
                <Error><Code>AccessDenied</Code><Message>a &lt;b&gt; &amp; ?c</Message><Resource>/x</Resource>\
                <RequestId>1F</RequestId></Error>
                """)
    }

    @Test func furtherTriesAreThoseOfTheStandardMode() {
        let quota = RetryQuota()
        let taken = (0..<200).filter { _ in quota.take(RetryQuota.cost) }.count
        #expect(taken == RetryQuota.capacity / RetryQuota.cost)
        quota.giveBack(RetryQuota.cost)
        #expect(quota.take(RetryQuota.cost))
        #expect(RetryQuota.delay(after: 1, random: 1) == 1000)
        #expect(RetryQuota.delay(after: 3, random: 0.5) == 2000)
        #expect(RetryQuota.delay(after: 60, random: 1) == 20_000)
    }
}
