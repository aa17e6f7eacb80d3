import Testing

@testable import Metrics

private func text(_ write: (inout Exposition) -> Void) -> String {
    var exposition = Exposition()
    write(&exposition)
    return String(decoding: exposition.bytes, as: UTF8.self)
}

@Test func aFamilyHasItsHelpItsTypeAndItsSamples() {
    let text = text { exposition in
        exposition.family("czone_a_total", .counter, "What\nis \\ counted.") { family in
            family.add(Labels(["vm": "3f"]), 7)
            family.add(Labels(), 8)
        }
    }
    #expect(
        text == """
            # HELP czone_a_total What\\nis \\\\ counted.
            # TYPE czone_a_total counter
            czone_a_total{vm="3f"} 7
            czone_a_total 8

            """)
}

@Test func aFamilyWithoutSamplesIsLeftOut() {
    #expect(text { $0.family("czone_a", .gauge, "Nothing.") { _ in } } == "")
}

@Test func labelValuesAreEscaped() {
    let labels = Labels(["a": "quote \" slash \\ line\nbell\u{7}", "b": "é"]).with("c", "")
    #expect(
        String(decoding: labels.bytes, as: UTF8.self)
            == #"a="quote \" slash \\ line\nbell?",b="é",c="""#)
}

@Test func aLongLabelValueIsCutBetweenCharacters() {
    let labels = Labels(["a": String(repeating: "é", count: 200)])
    #expect(String(decoding: labels.bytes, as: UTF8.self) == "a=\"" + String(repeating: "é", count: 128) + "\"")
}

@Test func bucketsOfTheTextAreCumulative() {
    var histogram = Histogram(bounds: [1000, 2500])
    for microseconds: UInt64 in [1, 1000, 1001, 2501, .max] { histogram.observe(microseconds: microseconds) }
    let text = text { $0.family("czone_h_seconds", .histogram, "H.") { $0.add(Labels(["vm": "3f"]), histogram) } }
    #expect(
        text.split(separator: "\n").dropFirst(2) == [
            #"czone_h_seconds_bucket{vm="3f",le="0.001"} 2"#, #"czone_h_seconds_bucket{vm="3f",le="0.0025"} 3"#,
            #"czone_h_seconds_bucket{vm="3f",le="+Inf"} 5"#,
            // What is too long to be true is clamped.
            #"czone_h_seconds_sum{vm="3f"} 1000000.004503"#, #"czone_h_seconds_count{vm="3f"} 5"#,
        ])
}

@Test func numbersAtTheirLimitStayThere() {
    var histogram = Histogram(bounds: [1], counts: [.max, .max], sum: .max)
    histogram?.observe(microseconds: 1)
    #expect(histogram?.counts == [.max, .max])
    #expect(histogram?.sum == .max)
    #expect(histogram?.count == .max)
    #expect(Histogram(bounds: [1], counts: [1], sum: 1) == nil)
}

@Test(arguments: [(0, "0"), (1, "0.000001"), (250, "0.00025"), (1_500_000, "1.5"), (10_000_000, "10")])
func secondsAreExact(microseconds: UInt64, text: String) { #expect(seconds(microseconds) == text) }
