import Testing

@testable import Acceleration

@Suite struct ProgramArgumentsTests {
    private func arguments(_ words: [String]) throws(UsageError) -> ProgramArguments {
        try ProgramArguments(words, required: ["--a", "--b"], optional: ["--c"], usage: "x --a A --b B")
    }

    @Test func eachOptionHasItsValue() throws {
        let found = try arguments(["--b", "2", "--a", "--b"])
        #expect(found["--a"] == "--b" && found["--b"] == "2" && found["--c"].isEmpty)
    }

    @Test(arguments: [
        (["--a", "1"], "--b is missing"), (["--a"], "--a lacks its value"),
        (["--a", "", "--b", "2"], "--a lacks its value"),
        (["--d", "1"], "--d is no option"), (["--a", "1", "--a", "2"], "--a is given twice"),
    ])
    func whatIsWrongIsNamed(words: [String], why: String) {
        let error = #expect(throws: UsageError.self) { try arguments(words) }
        #expect(error?.description.hasPrefix(why) == true)
    }
}
