import SystemPackage
import Testing

@testable import LinuxSystem

@Suite struct EscapedTextTests {
    /// Latin-1, a truncated character, an overlong one, a surrogate, what is above U+10FFFF, and text among them.
    static let bytes: [[UInt8]] = [
        Array("plain ü € 🙂".utf8), [0xE9], [0x63, 0x61, 0x66, 0xE9, 0x2E], [0xE2, 0x82], [0xC0, 0xAF],
        [0xED, 0xA0, 0x80],
        [0xF4, 0x90, 0x80, 0x80], [0xFF, 0xFE, 0x41, 0x80, 0xC3, 0xBC, 0xBF], Array(UInt8(1)...255),
    ]

    @Test(arguments: bytes) func noByteIsLost(_ bytes: [UInt8]) {
        #expect([UInt8](unescaping: String(escaping: bytes)) == bytes)
    }

    @Test func textStaysText() {
        #expect(String(escaping: Array("grüße".utf8)) == "grüße")
        #expect(String(escaping: [0x61, 0xE9, 0x62]) == "a\u{0}\u{1E9}b")
        #expect([UInt8](unescaping: "ǩ") == Array("ǩ".utf8), "without the zero before it, it is a letter")
    }

    /// A zero of somebody else's is left for those who refuse it.
    @Test func aZeroThatEscapesNothingStays() {
        for text in ["a\u{0}", "\u{0}b", "\u{0}\u{17F}", "\u{0}\u{0}\u{1E9}"] {
            #expect([UInt8](unescaping: text).contains(0), "\(Array(text.utf8))")
        }
    }

    @Test func everyTextIsTheEscapeOfOnlyOneArray() {
        // By their bytes: texts are equal for Swift where they look alike.
        var seen: Set<[UInt8]> = []
        for first in UInt8(0x7F)...0xFF {
            for second in UInt8(0x7F)...0xFF { seen.insert(Array(String(escaping: [first, second]).utf8)) }
        }
        #expect(seen.count == 129 * 129)
    }

    @Test func pathsAreTheirBytes() {
        let path = FilePath(unescaping: "/a/" + String(escaping: [0xE9]) + "/b")
        #expect(path.components.count == 3)
        #expect(path.string == "/a/\u{FFFD}/b", "shown as what it is not")
        #expect(FilePath(unescaping: "/a\u{0}b") == "/a", "as C reads it")
    }

    @Test func messagesShowAReplacement() { #expect(quoted(String(escaping: [0x61, 0xE9])) == "\"a\u{FFFD}\"") }
}
