import LeanJSON
import Testing

@testable import czone

@Suite struct FunctionCommandTests {
    private func definition(_ text: String, _ word: String) throws -> String {
        String(
            decoding: try FunctionCommand.CreateCommand.definition(Array(text.utf8), accelerate: word), as: UTF8.self)
    }

    @Test func theOptionStandsBeforeTheFile() throws {
        #expect(
            try definition("---\nname: a\naccelerate: off\nimage: b\n", "on") == "accelerate: on\nname: a\nimage: b\n")
        #expect(try definition(" {name: a}", "observe") == " { \"accelerate\": observe, name: a}")
        #expect(throws: (any Error).self) { try definition("name: a", "maybe") }
    }

    @Test func theTreeNamesReasonsAndPlaces() {
        let json = """
            {"name":"f","kind":"handler","acceleration":{"accelerate":"on","state":"off","reason":"why",
            "acceleratedPermille":971,"events":{"sandbox":971,"container":29,"replayed":0},
            "aborts":[{"reason":"type","place":"/a.js:3:4","count":9},{"reason":"crash","count":1}],
            "module":"/a.js","codeBytes":100,"compilations":1,"unsupported":["/a.js:5:6"],"verified":7,"differences":0}}
            """
        let expected = """
            f
            ├ accelerate: on
            ├ state: off
            │ └ because why
            ├ events: sandbox 971, container 29, replayed 0; 97.1 % accelerated
            ├ module: /a.js, 100 bytes of code, compiled once
            ├ verified: 7 events, 0 of them different in a container
            ├ aborts
            │ ├ 9 × type at /a.js:3:4
            │ └ 1 × crash
            └ not compiled
              └ /a.js:5:6
            """
        #expect(AccelerationTree.text(JSONValue(Array(json.utf8))) == expected)
        let other = AccelerationTree.text(JSONValue(Array(#"{"name":"f","kind":"http"}"#.utf8)))
        #expect(other == "f: kind http, which is not compiled")
    }
}
