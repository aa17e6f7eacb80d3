import Events
import HTTPExchange
import LinuxSystem
import NIOCore
import NIOHTTP1
import SandboxProtocol

/// A request to a function of kind handler: its body is collected, and one event made of it. On the caller's event loop.
final class HandlerExchange: FrontExchange {
    private weak var front: FrontHandler?
    private let service: FunctionService
    private let head: HTTPRequestHead
    private let caller: RequestHeaders.Caller
    private let eventLoop: any NIOCore.EventLoop
    private let record: RequestRecord
    private let client: OriginClient
    private var body: [UInt8] = []
    private var isAnswered = false
    private var run: EventRun?
    private var deadline: Scheduled<Void>?

    init(
        _ service: FunctionService, _ front: FrontHandler, _ head: HTTPRequestHead, _ caller: RequestHeaders.Caller,
        _ client: OriginClient, on eventLoop: any NIOCore.EventLoop, record: RequestRecord
    ) {
        self.service = service
        self.front = front
        self.head = head
        self.caller = caller
        self.client = client
        self.eventLoop = eventLoop
        self.record = record
    }

    /// The caller has so long for its request.
    func beginReceiving() {
        let limit = service.definition.timeoutInMilliseconds
        deadline = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(limit)) { [weak self] in
            self?.fail(GatewayError.slowCaller(milliseconds: limit))
        }
    }

    var takesMore: Bool { true }
    func frontBecameWritable() {}

    func receive(_ part: HTTPServerRequestPart) {
        guard !isAnswered, run == nil else { return }
        switch part {
        case .head: break
        case .body(let bytes):
            record.bytesIn += bytes.readableBytes
            guard body.count + bytes.readableBytes <= HandlerEvent.maxBody else {
                return refuse(.payloadTooLarge, "an event has at most \(HandlerEvent.maxBody) bytes")
            }
            body += bytes.readableBytesView
        case .end: begin()
        }
    }

    private func begin() {
        let forwarded = RequestHeaders.forwarded(head, to: caller.target, caller: caller)
        do throws(HandlerEvent.Refusal) {
            let event = try HandlerEvent(forwarded, body: body, id: caller.requestID, function: service.name)
            body = []
            deadline?.cancel()
            let run = EventRun(service, event, client, on: eventLoop, record: record) { [self] in end($0) }
            self.run = run
            run.begin()
        } catch { refuse(error.status, error.text) }
    }

    /// The caller has gone: the event is handled to its end, as its calls may have been made.
    func frontEnded() {
        front = nil
        guard !isAnswered, run == nil else { return }
        isAnswered = true
        deadline?.cancel()
        record.status = 499
        record.end("the caller has gone")
    }

    // MARK: The answer

    private func end(_ outcome: EventRun.Outcome) {
        guard !isAnswered else { return }
        let mode = outcome.mode ?? .container
        switch outcome.result {
        case .failure(let error): fail(error, outcome.mode)
        case .success(let payload):
            do throws(HandlerAnswer.Malformed) { reply(try HandlerAnswer(result: payload), mode) } catch {
                fail(GatewayError.badResult(error.text), mode)
            }
        }
    }

    private func reply(_ answer: HandlerAnswer, _ mode: EventRun.Mode) {
        isAnswered = true
        record.status = answer.status
        record.bytesOut = answer.body.count
        record.end(nil)
        var headers = HTTPHeaders(answer.headers.map { ($0.name, $0.value) }).passedOn
        headers.remove(name: "content-length")
        headers.replaceOrAdd(name: "X-Request-Id", value: caller.requestID)
        headers.replaceOrAdd(name: EventRun.Mode.header, value: mode.rawValue)
        front?.answer(
            .init(statusCode: answer.status), ByteBuffer(bytes: answer.body),
            headers: headers.map { ($0.name, $0.value) })
        front = nil
    }

    private func fail(_ error: any Error, _ mode: EventRun.Mode? = nil) {
        let answer = ErrorAnswer(error)
        refuse(answer.status, answer.text, answer.headers + (mode.map { [(EventRun.Mode.header, $0.rawValue)] } ?? []))
    }

    private func refuse(_ status: HTTPResponseStatus, _ text: String, _ headers: [(String, String)] = []) {
        guard !isAnswered else { return }
        isAnswered = true
        deadline?.cancel()
        record.status = Int(status.code)
        record.end(text)
        front?.answer(status, text, headers: headers + [("X-Request-Id", caller.requestID)])
        front = nil
    }
}
