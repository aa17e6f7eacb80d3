import NIOHTTP1
import Testing

@testable import Gateway

@Suite struct HandlerEventTests {
    private func event(_ body: String, type: String? = nil, uri: String = "/a?x=1&y=%41+b") throws -> HandlerEvent {
        var headers = HTTPHeaders([("X-A", "1"), ("x-a", "2")])
        if let type { headers.add(name: "Content-Type", value: type) }
        return try HandlerEvent(
            HTTPRequestHead(version: .http1_1, method: .POST, uri: uri, headers: headers), body: Array(body.utf8),
            id: "id", function: "f")
    }

    private func text(_ event: HandlerEvent, _ shape: HandlerEvent.Shape) -> String {
        String(decoding: event.arguments(shape), as: UTF8.self)
    }

    @Test func theContextSaysWhatWasAsked() throws {
        let context =
            #"{"id":"id","functionName":"f","awsRequestId":"id","method":"POST","path":"/a","query":{"x":"1","y":"A b"},"#
            + #""headers":{"x-a":"1, 2"}}"#
        #expect(text(try event(""), .handle) == "[\(context),null]")
        #expect(text(try event(""), .handler) == "[null,\(context)]")
    }

    @Test func bodiesAreJSONOrText() throws {
        #expect(
            text(try event(#"{"a":[1.5e3,"\u00e9"]}"#, type: "application/json; charset=utf-8"), .handler).hasPrefix(
                #"[{"a":[1.5e3,"\u00e9"]},{"#))
        #expect(text(try event(#"a"b"#), .handler).hasPrefix(#"["a\"b",{"#))
        #expect(text(try event("{}", type: "application/cloudevents+json"), .handler).hasPrefix("[{},{"))
    }

    @Test(arguments: [
        "{", "[1,]", "1],[2", "01", "+1", ".5", "1.", "\"\n\"", "\"\\x\"", "\"\\u00g0\"", "nul", "[1] 2", "'a'",
        "{a:1}",
        String(repeating: "[", count: 300) + String(repeating: "]", count: 300),
    ])
    func whatIsNoJSONIsRefused(body: String) {
        #expect(throws: HandlerEvent.Refusal.self) { try event(body, type: "application/json") }
    }

    @Test func bytesThatAreNoTextAreRefused() {
        #expect(throws: HandlerEvent.Refusal.self) {
            try HandlerEvent(
                HTTPRequestHead(version: .http1_1, method: .POST, uri: "/"), body: [0xff, 0xfe], id: "", function: "")
        }
    }

    private func answer(_ json: String?) throws -> HandlerAnswer {
        try HandlerAnswer(result: json.map { [1] + Array($0.utf8) } ?? [0])
    }

    @Test func resultsBecomeAnswers() throws {
        #expect(try answer(nil).status == 204)
        let text = try answer(#""a\u00e9\n""#)
        #expect(text.body == Array("aé\n".utf8) && text.headers.first?.value == "text/plain; charset=utf-8")
        let json = try answer(#"{"a":1}"#)
        #expect(json.body == Array(#"{"a":1}"#.utf8) && json.headers.first?.value == "application/json")
        let whole = try answer(#"{"statusCode":404,"headers":{"X-N":7,"Content-Type":"a/b"},"body":"no"}"#)
        #expect(whole.status == 404 && whole.body == Array("no".utf8) && whole.headers.map(\.value) == ["a/b", "7"])
        #expect(try answer(#"{"statusCode":200,"body":[1]}"#).body == Array("[1]".utf8))
        #expect(try answer(#"{"statusCode":204}"#) == (try answer(nil)))
    }

    @Test(arguments: [
        "{", #"{"statusCode":99}"#, #"{"statusCode":"200"}"#, #"{"statusCode":200,"headers":[]}"#,
        #"{"statusCode":200,"headers":{"a b":"c"}}"#, #"{"statusCode":200,"headers":{"a":"b\r\nc: d"}}"#,
        #"{"statusCode":200,"headers":{"a":{}}}"#,
    ])
    func resultsThatAreNoAnswersAreRefused(json: String) {
        #expect(throws: HandlerAnswer.Malformed.self) { try answer(json) }
    }
}
