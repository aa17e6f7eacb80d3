import Events
import HTTPExchange
import LinuxSystem
import NIOCore
import NIOHTTP1

/// A request to a function with a server of its own, from its head to the end of its answer. On the caller's event loop,
/// which the connection to the container is on too.
final class ProxyExchange: FrontExchange, BackOwner {
    private enum State {
        /// It has no container yet, or no connection to it.
        case searching(ContainerSearch)
        /// Its first byte has gone to the container.
        case begun(Lease, any Channel, BackHandler)
        case tunnel(Lease)
        case ended
    }

    private let service: FunctionService
    private let definition: FunctionDefinition
    private weak var front: FrontHandler?
    private let eventLoop: any NIOCore.EventLoop
    private let head: HTTPRequestHead
    private let caller: RequestHeaders.Caller
    private let record: RequestRecord
    private var state = State.ended
    private var passed: PassedRequest
    private var hasRequestEnded = false
    private var hasAnswerBegun = false
    private var keepsBackAlive = true
    /// The headers of an answer with status 101.
    private var upgrade = HTTPHeaders()
    private var deadline: Scheduled<Void>?

    init(
        _ service: FunctionService, _ front: FrontHandler, _ head: HTTPRequestHead, _ caller: RequestHeaders.Caller,
        on eventLoop: any NIOCore.EventLoop, record: RequestRecord
    ) {
        self.service = service
        self.front = front
        self.head = head
        self.caller = caller
        self.eventLoop = eventLoop
        self.record = record
        definition = service.definition
        passed = PassedRequest(isRepeatable: definition.retries)
    }

    /// Asks for a container.
    func begin() {
        deadline = eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(definition.timeoutInMilliseconds)) {
            [weak self] in
            self?.isLate()
        }
        acquire()
    }

    private func acquire() {
        let search = ContainerSearch(service, for: record, on: eventLoop) { [definition, eventLoop] container, limit in
            // A server of one thread would go on waiting for what another event loop keeps idle.
            if definition.concurrency == 1 { container.pool.close() }
            return BackConnection.open(to: container, on: eventLoop, withinMilliseconds: limit)
        }
        state = .searching(search)
        search.begin { [self] result in
            switch result {
            case .success(let (lease, channel)): send(over: channel, lease)
            case .failure(let error): fail(error)
            }
        }
    }

    private func send(over channel: any Channel, _ lease: Lease) {
        guard let handler = BackConnection.handler(of: channel), channel.isActive else {
            state = .ended
            service.finish(lease, isBroken: false)
            return acquire()
        }
        handler.owner = self
        state = .begun(lease, channel, handler)
        let forwarded = RequestHeaders.forwarded(head, to: caller.target, caller: caller)
        channel.write(HTTPClientRequestPart.head(forwarded), promise: nil)
        if head.headers.first(name: "expect")?.lowercased() == "100-continue", !hasRequestEnded, !passed.waits {
            front?.send(HTTPResponseHead(version: .http1_1, status: .continue))
            front?.flush()
        }
        passed.writeWaiting(to: channel)
        channel.flush()
        front?.resumeReading()
    }

    // MARK: The request

    func receive(_ part: HTTPServerRequestPart) {
        if case .end = part { hasRequestEnded = true }
        if case .body(let bytes) = part { record.bytesIn += bytes.readableBytes }
        guard case .begun(_, let channel, _) = state else {
            if case .ended = state { return }
            return passed.append(part)
        }
        passed.write(part, to: channel)
        channel.flush()
    }

    var takesMore: Bool {
        switch state {
        // What has been read with the head waits here; no more.
        case .searching: !passed.waits && !hasRequestEnded
        case .begun(_, let channel, _): channel.isWritable
        case .tunnel, .ended: true
        }
    }

    func backBecameWritable() { front?.resumeReading() }

    // MARK: The answer

    var takesAnswer: Bool { front?.isWritable ?? true }

    func frontBecameWritable() {
        if case .begun(_, _, let handler) = state { handler.resumeReading() }
    }

    func backReceived(_ part: HTTPClientResponsePart) {
        guard case .begun(let lease, let channel, let handler) = state, let front else { return }
        switch part {
        case .head(let answer):
            hasAnswerBegun = true
            deadline?.cancel()
            keepsBackAlive = answer.isKeepAlive
            record.status = Int(answer.status.code)
            guard answer.status != .switchingProtocols else {
                upgrade = answer.headers
                return
            }
            front.send(
                HTTPResponseHead(
                    version: .http1_1, status: answer.status, headers: RequestHeaders.answered(answer.headers, caller)))
        case .body(let bytes):
            record.bytesOut += bytes.readableBytes
            front.send(bytes)
        case .end(let trailers):
            if record.status == 101 { return becomeTunnel(lease, channel, handler, front) }
            finish(lease, channel, handler)
            front.end(trailers: trailers)
        }
    }

    func backHasNoMore() { front?.flush() }

    /// The answer is whole.
    private func finish(_ lease: Lease, _ channel: any Channel, _ handler: BackHandler) {
        state = .ended
        deadline?.cancel()
        handler.owner = nil
        if keepsBackAlive && hasRequestEnded {
            lease.container.pool.put(channel)
        } else {
            channel.close(promise: nil)
        }
        service.finish(lease, isBroken: false)
        record.end(nil)
    }

    private func becomeTunnel(
        _ lease: Lease, _ channel: any Channel, _ handler: BackHandler, _ front: FrontHandler
    ) {
        state = .tunnel(lease)
        handler.owner = nil
        let (service, record) = (service, record)
        front.becomeTunnel(
            HTTPResponseHead(version: .http1_1, status: .switchingProtocols, headers: upgrade), with: channel, handler
        ) {
            service.finish(lease, isBroken: false)
            record.end(nil)
        }
    }

    // MARK: What goes wrong

    func backEnded() {
        guard case .begun(let lease, _, let handler) = state else { return }
        handler.owner = nil
        state = .ended
        // Its end comes by its own connection; one that merely breaks connections is probed by the next request.
        service.finish(lease, isBroken: false)
        if hasAnswerBegun {
            record.end("the container broke its answer off")
            deadline?.cancel()
            front?.breakOff()
        } else if passed.canRepeat, record.mayMoveOn {
            passed.beginAnew()
            acquire()
        } else {
            fail(GatewayError.containerEnded("it closed the connection without an answer"))
        }
    }

    private func isLate() {
        let error = GatewayError.late(milliseconds: definition.timeoutInMilliseconds)
        switch state {
        case .searching(let search):
            search.cancel(error, isBroken: true)
            fail(error)
        case .begun(let lease, let channel, let handler):
            handler.owner = nil
            channel.close(promise: nil)
            // The container does not answer, whatever it does; but it need not before it has the whole request.
            service.finish(lease, isBroken: hasRequestEnded)
            fail(hasRequestEnded ? error : GatewayError.slowCaller(milliseconds: definition.timeoutInMilliseconds))
        case .tunnel, .ended: break
        }
    }

    func frontEnded() {
        deadline?.cancel()
        let former = state
        if case .tunnel = former { return }
        state = .ended
        switch former {
        case .searching(let search): search.cancel(.abandoned, isBroken: false)
        case .begun(let lease, let channel, let handler):
            handler.owner = nil
            channel.close(promise: nil)
            service.finish(lease, isBroken: false)
        case .tunnel, .ended: return
        }
        record.status = 499
        record.end("the caller has gone")
    }

    private func fail(_ error: any Error) {
        state = .ended
        deadline?.cancel()
        let answer = ErrorAnswer(error)
        record.status = Int(answer.status.code)
        record.end(answer.text)
        front?.answer(answer.status, answer.text, headers: answer.headers)
    }
}

/// What a caller receives whose request got no answer.
struct ErrorAnswer {
    let status: HTTPResponseStatus
    let text: String
    var headers: [(String, String)] = []

    init(_ error: any Error) {
        text = "\(error)"
        switch error as? GatewayError {
        case .overloaded:
            status = .tooManyRequests
            headers = [("Retry-After", "1")]
        case .noContainer, .shuttingDown, .removed:
            status = .serviceUnavailable
            headers = [("Retry-After", "1")]
        case .late: status = .gatewayTimeout
        case .slowCaller: status = .requestTimeout
        case .threw: status = .internalServerError
        case .containerEnded, .silent, .abandoned, .badResult, nil: status = .badGateway
        }
    }
}
