import OCI
import Testing

@testable import TemplateRegistry

@Suite struct ReferenceTests {
    private let digest = "sha256:" + String(repeating: "ab", count: 32)

    @Test func everyPartIsRead() throws {
        let reference = try RegistryReference("http://[::1]:5000/team/python-3.12:v1.2_x@\(digest)")
        #expect(reference.repository.host == "::1" && reference.repository.port == 5000)
        #expect(reference.repository.isPlain && reference.repository.isLoopback)
        #expect(reference.repository.name == "team/python-3.12")
        #expect(reference.tag == "v1.2_x" && reference.digest?.description == digest)
        #expect(reference.description == "[::1]:5000/team/python-3.12:v1.2_x@\(digest)")
        let plain = try RegistryReference("registry.example.org/a")
        #expect(plain.tag == nil && plain.digest == nil && !plain.repository.isPlain && plain.repository.port == nil)
        #expect(try RegistryReference("localhost/a").repository.isLoopback)
        #expect(try RegistryReference("127.1.2.3:1/a").repository.isLoopback)
        // Others may own these names.
        #expect(try !RegistryReference("127.0.0.1.example.org/a").repository.isLoopback)
        #expect(try !RegistryReference("localhost.example.org/a").repository.isLoopback)
    }

    @Test(arguments: [
        "", "/", "python", "library/python", "reg.example/", "reg.example/A", "reg.example/a//b", "reg.example/-a",
        "reg.example/a:", "reg.example/a: x", "reg.example/a@sha256:12", "reg.example/a@md5:00", "reg.example:0/a",
        "reg.example:70000/a", "reg.example:/a", "[::1/a", "::1/a", "[::1]x/a", "user@reg.example/a", "reg..\n/a",
        "ftp://reg.example/a", "reg.example/../../etc", "reg.example/a/..", "reg.example/a..b", "reg.example/a_.b",
        "reg.example/a___b",
        "reg.example/" + String(repeating: "a", count: 256),
    ])
    func whatNamesNothingIsRefusedByName(_ text: String) throws {
        let error = #expect(throws: ReferenceError.self) { try RegistryReference(text) }
        #expect("\(try #require(error))".contains("names no template in a registry: expected"))
    }

    @Test func addressesAreReadAndCompleted() throws {
        let base = RegistryURL(.init(isSecure: true, host: "a.example", port: nil), path: "/v2/x")
        #expect(RegistryURL("/v2/u?a=1", relativeTo: base)?.description == "https://a.example/v2/u?a=1")
        let other = try #require(RegistryURL("HTTP://B.example:81?q=1"))
        #expect(other.origin == .init(isSecure: false, host: "b.example", port: 81) && other.path == "/?q=1")
        #expect(other.adding("scope", "a:b c/d").path == "/?q=1&scope=a%3Ab%20c%2Fd")
        #expect(base.adding("n", "1").path == "/v2/x?n=1")
        #expect(RegistryURL("https://[fe80::1]:5/x")?.origin.authority == "[fe80::1]:5")
        for text in [
            "", "x", "//evil.example/x", "file:///etc/passwd", "https://", "https://user:p@a.example/",
            "https://a.example:0/",
            "https://a.example:x/", "https://a b/", "https://a.example/\r\nX: y", "https://[::1",
            "https://\u{e9}.example/",
            "https://a/" + String(repeating: "x", count: 9000),
        ] { #expect(RegistryURL(text, relativeTo: base) == nil, "\(text.prefix(40))") }
    }

    @Test func challengesAreRead() {
        #expect(RegistryChallenge("Basic realm=\"x\"") == .basic)
        #expect(
            RegistryChallenge(
                "bearer Realm=\"https://auth.example/token\",service=\"reg \\\"1\\\"\" , scope=\"repository:a/b:pull,push\""
            )
                == .bearer(
                    realm: "https://auth.example/token", service: "reg \"1\"", scope: "repository:a/b:pull,push"))
        #expect(RegistryChallenge("Bearer realm=x") == .bearer(realm: "x", service: nil, scope: nil))
        for text in [
            "", "Bearer", "Bearer realm", "Bearer realm=", "Bearer realm=\"x", "Bearer realm=\"x\\",
            "Bearer service=\"x\"",
            "Bearer realm=\"a\",realm=\"b\"", "Bearer =x", "Bearer realm=\"\"", "Digest realm=\"x\"",
            "Bearer realm=\"\n\"",
            "Bearer realm=\"" + String(repeating: "x", count: 5000) + "\"",
        ] { #expect(RegistryChallenge(text) == nil, "\(text.prefix(40))") }
    }

    @Test func credentialsAreThoseOfTheRegistry() throws {
        let text = """
            {"auths": {"https://a.example/v1/": {"auth": "dXNlcjpwYTpzcw=="}, "b.example:5000": {"username": "u", "password": "p"},
             "c.example": {}}, "credHelpers": {"c.example": "x"}, "HttpHeaders": {"A": "b"}}
            """
        let credentials = try RegistryCredentials(Array(text.utf8), file: "f")
        func of(_ name: String) throws -> String? {
            try credentials[RegistryReference(name).repository].map { String(decoding: $0, as: UTF8.self) }
        }
        #expect(try of("a.example/x") == "user:pa:ss")
        #expect(try of("b.example:5000/x") == "u:p")
        #expect(try of("b.example/x") == nil && of("c.example/x") == nil)
        #expect(credentials.namesProgram(for: try RegistryReference("c.example/x").repository))
        for bad in ["", "[]", "{\"auths\": {\"a\": {\"auth\": \"!\"}}}", "{\"auths\": {\"a\": {\"auth\": \"QUJD\"}}}"] {
            let error = #expect(throws: CredentialError.self) { try RegistryCredentials(Array(bad.utf8), file: "f") }
            #expect("\(try #require(error))".hasPrefix("f: "))
        }
    }

    @Test func base64IsThatOfTheStandard() {
        for (text, encoded) in [("", ""), ("f", "Zg=="), ("fo", "Zm8="), ("foo", "Zm9v"), ("foob", "Zm9vYg==")] {
            #expect(Base64.encode(Array(text.utf8)) == encoded)
            #expect(Base64.decode(encoded) == Array(text.utf8))
        }
        #expect(Base64.decode("Zg") == [0x66] && Base64.decode("Z") == nil && Base64.decode("Zg===") == nil)
    }
}
