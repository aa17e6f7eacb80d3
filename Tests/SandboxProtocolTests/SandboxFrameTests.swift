import SandboxProtocol
import Testing
import TraceRuntime

struct SandboxFrameTests {
    @Test func aFrameReadsAsItWasWritten() throws {
        let frame = SandboxFrame(event: 7, kind: .event, payload: [1, 2, 3])
        var bytes = (frame.encoded + SandboxFrame(event: 8, kind: .end, payload: []).encoded)[...]
        #expect(try SandboxFrame.take(from: &bytes, limit: 10) == frame)
        #expect(try SandboxFrame.take(from: &bytes, limit: 10)?.event == 8)
        #expect(bytes.isEmpty)
    }

    @Test func aFrameThatIsNotWholeIsWaitedFor() throws {
        let all = SandboxFrame(event: 7, kind: .event, payload: [1, 2, 3]).encoded
        for count in 0..<all.count {
            var bytes = all[..<count]
            #expect(try SandboxFrame.take(from: &bytes, limit: 10) == nil)
            #expect(bytes.count == count)
        }
    }

    @Test func largeAndUnknownFramesAreRefused() {
        var large = SandboxFrame(event: 7, kind: .event, payload: [UInt8](repeating: 0, count: 11)).encoded[...]
        #expect(throws: FrameError.self) { try SandboxFrame.take(from: &large, limit: 10) }
        var unknown = SandboxFrame(event: 7, kind: .event, payload: []).encoded[...]
        unknown[8] = 99
        #expect(throws: FrameError.self) { try SandboxFrame.take(from: &unknown, limit: 10) }
    }

    @Test func answersKeepHeadersAndBody() throws {
        let answer = ExternalAnswer(status: 201, headers: ["a": "b\"c"], body: [0, 255])
        let frame = SandboxFrame(event: 1, kind: .answer, payload: SandboxFrame.payload(of: answer, to: 5))
        let (call, read) = try frame.externalAnswer()
        #expect(call == 5 && read == answer)
    }

    @Test(
        arguments: [
            [], [1, 0, 0], [0, 0, 0, 0, 200, 0, 0, 0, 255, 255, 255, 255],
            [0, 0, 0, 0, 200, 0, 0, 0, 2, 0, 0, 0, 91, 93],
        ] as [[UInt8]])
    func answersThatAreNoneAreRefused(payload: [UInt8]) {
        #expect(throws: FrameError.self) {
            try SandboxFrame(event: 1, kind: .answer, payload: payload).externalAnswer()
        }
    }

    @Test func callsReadAsTheyWereWritten() throws {
        let call = ExternalCall(number: 3, method: "PUT", url: "http://s/a", headers: ["a": "b"], body: "\u{e9}\n")
        #expect(try SandboxFrame(event: 1, kind: .call, payload: SandboxFrame.payload(of: call)).externalCall() == call)
        for bad in [
            "", "[]", #"{"number":-1,"method":"GET","url":"u","headers":{}}"#,
            #"{"number":1,"method":"GET","url":"u"}"#,
        ] {
            #expect(throws: FrameError.self) {
                try SandboxFrame(event: 1, kind: .call, payload: Array(bad.utf8)).externalCall()
            }
        }
    }

    @Test(arguments: [
        "http://s/a b", "http://s/a\nGET", "ftp://s/", "http://u:p@s/", "http://", "http://s\\@t/", "//s/",
    ])
    func whatIsNoRequestIsNotSendable(url: String) {
        #expect(!ExternalCall(number: 0, method: "GET", url: url, headers: [:], body: nil).isSendable)
    }

    @Test func headersAndMethodsAreChecked() {
        func isSendable(_ method: String, _ headers: [String: String] = [:], _ body: String? = nil) -> Bool {
            ExternalCall(number: 0, method: method, url: "http://s/", headers: headers, body: body).isSendable
        }
        #expect(isSendable("GET", ["accept": "*/*"]) && isSendable("POST", [:], "x"))
        #expect(!isSendable("CONNECT") && !isSendable("get") && !isSendable("GET", [:], "x"))
        #expect(!isSendable("GET", ["a b": "c"]) && !isSendable("GET", ["a": "b\r\nc: d"]))
    }

    @Test func readingsAreExact() throws {
        let readings = SandboxFrame.Readings(clock: [0x3ff8_0000_0000_0001], random: [.max, 0])
        let payload = SandboxFrame.payload(of: Abort(reason: .state, site: 4), readings)
        let report = try SandboxFrame(event: 1, kind: .abort, payload: payload).abortReport()
        #expect(report.reason == "state" && report.site == 4 && report.readings == readings)
    }

    @Test func logsKeepTheirLines() throws {
        let log = [SandboxFrame.LogLine(stream: 1, text: []), .init(stream: 2, text: [10, 0, 255])]
        let payload = SandboxFrame.payload(of: log)
        #expect(try SandboxFrame(event: 1, kind: .end, payload: payload).log() == log)
        for count in 1..<payload.count where count != 5 {
            #expect(throws: FrameError.self) {
                try SandboxFrame(event: 1, kind: .end, payload: Array(payload[..<count])).log()
            }
        }
    }
}
