import Sandbox
import Testing

@testable import Acceleration

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
}
