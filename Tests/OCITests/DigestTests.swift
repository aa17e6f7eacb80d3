import Testing

@testable import OCI

@Test func digestsAreReadStrictly() {
    let hex = String(repeating: "0a", count: 32)
    #expect(Digest("sha256:\(hex)")?.hex == hex)
    #expect(Digest("sha256:\(hex.uppercased())") == nil)
    #expect(Digest("sha512:\(hex)\(hex)") == nil)
    #expect(Digest("sha256:\(hex.dropLast())") == nil)
    #expect(Digest("sha256:../../../../../../../../../../../../../../../../../../etc/passwd") == nil)
}

@Test func sha256IsTheStandards() {
    // FIPS 180-2, appendix B.1.
    let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
    #expect(Digest(of: Array("abc".utf8)).hex == expected)
}
