import Testing

@testable import Fabric

/// The examples of "Authenticating Requests: Using the Authorization Header (AWS Signature Version 4)", with the keys there,
/// and of AWS's test suite for the signature.
@Suite struct SignatureTests {
    private static let digestOfNothing = "e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855"

    private func credentials(_ key: String, _ secret: String) throws -> FabricCredentials {
        try FabricCredentials(
            "[default]\naws_access_key_id = \(key)\naws_secret_access_key=\(secret)\n", profile: "default")
    }

    private func sign(
        _ method: String, _ path: String, _ query: String = "", headers: [(name: String, value: String)] = [],
        payload: String = digestOfNothing
    ) throws -> String {
        let signature = SignatureV4(
            credentials: try credentials("AKIAIOSFODNN7EXAMPLE", "wJalrXUtnFEMI/K7MDENG/bPxRfiCYEXAMPLEKEY"),
            region: "us-east-1", service: "s3", time: "20130524T000000Z")
        let usual = [
            (name: "host", value: "examplebucket.s3.amazonaws.com"), (name: "x-amz-content-sha256", value: payload),
            (name: "x-amz-date", value: "20130524T000000Z"),
        ]
        return signature.signature(
            SignatureV4.Request(
                method: method, path: path, query: query, headers: headers + usual, payload: payload))
    }

    @Test func getOfAnObjectsRange() throws {
        #expect(
            try sign("GET", "/test.txt", headers: [(name: "range", value: "bytes=0-9")])
                == "f0e8bdb87c964420e857bd35b5d6ed310bd44f0170aba48dd91039c6036bdb41")
    }

    @Test func putOfAnObject() throws {
        #expect(
            try sign(
                "PUT", "/test%24file.text",
                headers: [
                    (name: "date", value: "Fri, 24 May 2013 00:00:00 GMT"),
                    (name: "x-amz-storage-class", value: "REDUCED_REDUNDANCY"),
                ], payload: "44ce7dd67c959e0d3524ffac1771dfbba87d2b6b4b4e99e42034a8b803f8b072")
                == "98ad721746da40c64f1a55b78f14c238d841ea1380cd77a1b5971af0ece108bd")
    }

    @Test func getOfABucketsLifecycle() throws {
        #expect(
            try sign("GET", "/", "lifecycle=") == "fea454ca298b7da1c68078a5d1bdbfbbe0d65c699e0f91ac7a200a0136783543")
    }

    @Test func listOfObjects() throws {
        #expect(
            try sign("GET", "/", "max-keys=2&prefix=J")
                == "34b48302e7b5fa45bde8084f4b7868a86f0a534bc59db6670ed5711ef69dc6f7")
    }

    @Test func getVanillaOfTheTestSuite() throws {
        let signature = SignatureV4(
            credentials: try credentials("AKIDEXAMPLE", "wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY"),
            region: "us-east-1", service: "service", time: "20150830T123600Z")
        let request = SignatureV4.Request(
            method: "GET", path: "/", query: "",
            headers: [
                (name: "x-amz-date", value: "20150830T123600Z"), (name: "host", value: "example.amazonaws.com"),
            ], payload: Self.digestOfNothing)
        #expect(
            signature.authorization(request)
                == "AWS4-HMAC-SHA256 Credential=AKIDEXAMPLE/20150830/us-east-1/service/aws4_request, "
                + "SignedHeaders=host;x-amz-date, "
                + "Signature=5fa00fa31553b73ebf1942676e86291e8372ff2a2260956d9b8aae1d763fbf31")
    }

    @Test func blanksOfAValueAreOne() throws {
        let request = SignatureV4.Request(
            method: "GET", path: "/", query: "", headers: [(name: "a", value: "  b   c ")], payload: "d")
        #expect(SignatureV4.canonical(request) == "GET\n/\n\na:b c\n\na\nd")
    }

    @Test func aMomentIsWrittenInSeconds() {
        #expect(SignatureV4.time(1_440_938_160_999_999_999) == "20150830T123600Z")
    }

    @Test func aFileOfKeysHasSections() throws {
        let text = """
            # comment
            [other]
            aws_access_key_id=A
            aws_secret_access_key=B
            [shop]
            AWS_ACCESS_KEY_ID = C
            aws_secret_access_key = D=/+
            aws_session_token = E
            """
        let read = try FabricCredentials(text, profile: "shop")
        #expect((read.key, read.secret, read.sessionToken) == ("C", "D=/+", "E"))
        #expect(throws: CredentialError.self) { try FabricCredentials(text, profile: "none") }
        #expect(throws: CredentialError.self) { try FabricCredentials("[a]\naws_access_key_id=A", profile: "a") }
        #expect(throws: CredentialError.self) {
            try FabricCredentials("[a]\naws_access_key_id=A B\naws_secret_access_key=C", profile: "a")
        }
    }
}
