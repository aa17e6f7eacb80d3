import Events
import Testing

@Test(arguments: [
    ("a%20b", "a b"), ("%c3%a9", "é"), ("100%", "100%"), ("%+5", "%+5"), ("%-1", "%-1"), ("%4", "%4"), ("%zz", "%zz"),
    ("%25%34%31", "%41"), ("a+b", "a+b"), ("", ""),
])
func onlyTripletsAreDecoded(text: String, expected: String) {
    #expect(String(percentDecoding: text) == expected)
}

@Test func inAQueryAPlusIsASpace() {
    #expect(String(percentDecoding: "a+b%2Bc", plusIsSpace: true) == "a b+c")
}
