import Testing

@testable import Hashing

@Suite struct HashingTests {
    @Test func sha256IsTheStandards() {
        // FIPS 180-2, appendix B.1.
        let expected = "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad"
        #expect(hexadecimal(SHA256.digest(of: Array("abc".utf8))) == expected)
        var inPieces = SHA256()
        inPieces.update("a")
        inPieces.update("bc")
        #expect(hexadecimal(inPieces.finish()) == expected)
    }

    @Test func hmacIsTheStandards() {
        // RFC 4231, test cases 2 and 6.
        #expect(
            hexadecimal(HMAC.code(of: Array("what do ya want for nothing?".utf8), key: Array("Jefe".utf8)))
                == "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843")
        let text = "Test Using Larger Than Block-Size Key - Hash Key First"
        #expect(
            hexadecimal(HMAC.code(of: Array(text.utf8), key: [UInt8](repeating: 0xAA, count: 131)))
                == "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54")
    }
}
