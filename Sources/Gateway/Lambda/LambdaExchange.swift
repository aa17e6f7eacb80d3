import Events
import HTTPExchange
import FoundationEssentials
import LinuxSystem
import NIOCore
import NIOHTTP1

/// A request to a function that is a Lambda runtime: its body is collected, and handled as one event. On the caller's event
/// loop.
final class LambdaExchange: FrontExchange {
    /// How the answer is formed.
    enum Form {
        /// Lambda's Invoke API.
        case invoke(InvokeRequest)
        /// The answer's body is the function's; a failure of it has status 502.
        case plain
    }

    private enum State {
        case collecting
        case waiting(UInt64)
        case handling(Lease)
        case ended
    }

    private let service: FunctionService
    private let definition: FunctionDefinition
    private weak var front: FrontHandler?
    private let head: HTTPRequestHead
    private let caller: RequestHeaders.Caller
    private let form: Form
    private let eventLoop: any NIOCore.EventLoop
    private let record: RequestRecord
    private var body = ByteBuffer()
    private var state = State.collecting
    private var deadline: Scheduled<Void>?
    private let id = LambdaInvocation.freshID()

    init(
        _ service: FunctionService, _ front: FrontHandler, _ head: HTTPRequestHead, _ caller: RequestHeaders.Caller,
        _ form: Form, on eventLoop: any NIOCore.EventLoop, record: RequestRecord
    ) {
        self.service = service
        self.front = front
        self.head = head
        self.caller = caller
        self.form = form
        self.eventLoop = eventLoop
        self.record = record
        definition = service.definition
    }

    var takesMore: Bool { true }
    func frontBecameWritable() {}

    func receive(_ part: HTTPServerRequestPart) {
        guard case .collecting = state else { return }
        switch part {
        case .head: break
        case .body(var bytes):
            record.bytesIn += bytes.readableBytes
            guard body.readableBytes + bytes.readableBytes <= LambdaInvocation.maxBytes else {
                let limit = LambdaInvocation.maxBytes
                return refuse(InvokeError(.tooLarge, "the request has more than \(limit) bytes"))
            }
            body.writeBuffer(&bytes)
        case .end:
            do throws(CloudEvent.Malformed) { try takeEvent() } catch {
                return refuse(InvokeError(.invalidContent, "\(error)"))
            }
            begin()
        }
    }

    /// The caller has so long for its event.
    func beginReceiving() {
        deadline = eventLoop.assumeIsolated().scheduleTask(in: FrontHandler.patience) { [weak self] in
            self?.refuse(InvokeError(.invalidContent, "the request was not whole in time"))
        }
    }

    /// A CloudEvent comes to the function in structured mode, however it was sent.
    private func takeEvent() throws(CloudEvent.Malformed) {
        guard case .plain = form else { return }
        let bytes = Array(body.readableBytesView)
        let type = (head.headers.first(name: "content-type") ?? "").prefix { $0 != ";" }.lowercased()
        if type == CloudEvent.structuredType || type == CloudEvent.batchType {
            return try CloudEvent.checkStructured(bytes, isBatch: type == CloudEvent.batchType)
        }
        let headers = head.headers.map { (name: $0.name, value: $0.value) }
        if let event = try CloudEvent.binary(headers: headers, body: bytes) {
            body = ByteBuffer(bytes: event.structured)
        }
    }

    private func begin() {
        if case .invoke(let request) = form, request.kind == .dryRun {
            return reply(.noContent, ByteBuffer(), [])
        }
        deadline?.cancel()
        deadline = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(definition.timeoutInMilliseconds)) {
            [weak self] in
            self?.isLate()
        }
        acquire()
        // The caller knows that it was taken, and no more; unless it was refused already.
        if case .invoke(let request) = form, request.kind == .event { detach() }
    }

    private func acquire() {
        let (number, lease) = service.acquire(on: eventLoop)
        state = .waiting(number)
        // It is kept until there is an answer, though its caller may have gone.
        lease.assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let lease): handle(lease)
            case .failure(let error): fail(error)
            }
        }
    }

    private func handle(_ lease: Lease) {
        guard case .waiting = state, let runtime = lease.container.runtime else {
            return service.finish(lease, isBroken: false)
        }
        record.gotContainer(lease)
        state = .handling(lease)
        runtime.tail.clear()
        let invocation = LambdaInvocation(
            id: id, payload: Array(body.readableBytesView),
            deadlineInMilliseconds: Int64(WallClock.nanoseconds / 1_000_000) + definition.timeoutInMilliseconds
                - record.ageInMilliseconds,
            function: definition.name, trace: caller.trace,
            clientContext: head.headers.first(name: "x-amz-client-context") ?? "")
        let ready =
            lease.wasPaused ? lease.container.resume(on: eventLoop) : eventLoop.makeSucceededVoidFuture()
        ready.flatMap { [eventLoop] in runtime.invoke(invocation, on: eventLoop) }
            .assumeIsolated().whenComplete { [self] result in
                guard case .handling = state else { return }
                switch result {
                case .success(let answer):
                    state = .ended
                    service.finish(lease, isBroken: false)
                    reply(answer, log: runtime.tail)
                case .failure(let error):
                    state = .ended
                    service.finish(lease, isBroken: true)
                    fail(error)
                }
            }
    }

    // MARK: The answer

    private func reply(_ result: LambdaResult, log: LogTail) {
        var headers = [("Content-Type", result.contentType), ("X-Request-Id", caller.requestID)]
        guard case .invoke(let request) = form else {
            return reply(result.isError ? .badGateway : .ok, ByteBuffer(bytes: result.body), headers)
        }
        headers += [("x-amzn-RequestId", id), ("X-Amz-Executed-Version", "$LATEST")]
        if result.isError { headers.append(("X-Amz-Function-Error", "Unhandled")) }
        if request.wantsLog { headers.append(("X-Amz-Log-Result", Data(log.contents).base64EncodedString())) }
        reply(.ok, ByteBuffer(bytes: result.body), headers)
    }

    private func reply(_ status: HTTPResponseStatus, _ body: ByteBuffer, _ headers: [(String, String)]) {
        state = .ended
        deadline?.cancel()
        record.status = Int(status.code)
        record.bytesOut = body.readableBytes
        record.end(nil)
        front?.answer(status, body, headers: headers)
        front = nil
    }

    /// Answers an event that is handled later.
    private func detach() {
        if case .ended = state { return }
        front?.answer(.accepted, ByteBuffer(), headers: [("x-amzn-RequestId", id)])
        front = nil
    }

    private func refuse(_ error: InvokeError) {
        state = .ended
        deadline?.cancel()
        record.status = error.kind.status
        record.end(error.text)
        front?.answer(.init(statusCode: error.kind.status), ByteBuffer(bytes: error.body), headers: error.headers)
        front = nil
    }

    // MARK: What goes wrong

    private func isLate() {
        let error = GatewayError.late(milliseconds: definition.timeoutInMilliseconds)
        switch state {
        case .waiting(let number): service.withdraw(number, error)
        case .handling(let lease):
            state = .ended
            service.finish(lease, isBroken: true)
            fail(error)
        case .collecting, .ended: break
        }
    }

    func frontEnded() {
        front = nil
        switch state {
        case .collecting:
            state = .ended
            deadline?.cancel()
        case .waiting(let number): service.withdraw(number, .abandoned)
        // The event is handled to its end, as Lambda does.
        case .handling, .ended: break
        }
    }

    private func fail(_ error: any Error) {
        state = .ended
        deadline?.cancel()
        let answer = ErrorAnswer(error)
        guard case .invoke = form else {
            record.status = Int(answer.status.code)
            record.end(answer.text)
            front?.answer(answer.status, answer.text, headers: answer.headers)
            front = nil
            return
        }
        switch error as? GatewayError {
        case .overloaded: refuse(InvokeError(.tooManyRequests, answer.text))
        case .removed, .shuttingDown, .silent, nil: refuse(InvokeError(.service, answer.text))
        case .late(let milliseconds):
            let text =
                "\(Timestamp.now) \(id) Task timed out after \(milliseconds / 1000).\(milliseconds % 1000 / 100)0 seconds"
            replyToFailure(.failure(type: "Sandbox.Timedout", text), answer)
        case .noContainer: replyToFailure(.failure(type: "Runtime.InitError", answer.text), answer)
        case .containerEnded, .abandoned, .slowCaller, .threw, .badResult:
            replyToFailure(.failure(type: "Runtime.ExitError", "RequestId: \(id) Error: \(answer.text)"), answer)
        }
    }

    private func replyToFailure(_ result: LambdaResult, _ answer: ErrorAnswer) {
        record.status = Int(answer.status.code)
        record.end(answer.text)
        reply(result, log: LogTail())
    }
}
