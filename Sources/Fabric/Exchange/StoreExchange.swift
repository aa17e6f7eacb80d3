import FabricPolicies
import HTTPExchange
import LinuxSystem
import NIOCore
import NIOHTTP1

/// A container's request to a store, from its head to the end of the answer. Bodies go through as fast as their reader takes
/// them; of each at most a few buffers are here. On the event loop.
final class StoreExchange: FrontExchange, BackOwner {
    private enum State {
        /// It is being connected, or waits for its next try.
        case waiting
        case begun(any Channel, BackHandler)
        case ended
    }

    private let request: StoreRequest
    private let served: ServedPolicy
    private let counters: ContainerCounters
    private weak var front: FrontHandler?
    private let eventLoop: any NIOCore.EventLoop
    private var state = State.waiting
    private var passed = PassedRequest(isRepeatable: true)
    private var hasRequestEnded = false
    private var hasAnswerBegun = false
    private var keepsBackAlive = true
    private var awaitsContinue: Bool
    private var attempts = 0
    private var lastCost = 0
    /// The connection had carried an exchange before, so its store may just have closed it.
    private var isReused = false
    private var hasMoved = false
    private var timer: Scheduled<Void>?

    init(
        _ request: StoreRequest, of served: ServedPolicy, _ counters: ContainerCounters, _ front: FrontHandler,
        awaitsContinue: Bool, on eventLoop: any NIOCore.EventLoop
    ) {
        self.request = request
        self.served = served
        self.counters = counters
        self.front = front
        self.awaitsContinue = awaitsContinue
        self.eventLoop = eventLoop
    }

    func begin() {
        counters.began()
        watchMovement()
        connect()
    }

    private func connect() {
        state = .waiting
        attempts += 1
        if let channel = served.upstream.idle(request.endpoint) {
            isReused = true
            return send(over: channel)
        }
        isReused = false
        served.upstream.connect(request.endpoint, of: request.service).assumeIsolated().whenComplete { [self] result in
            guard case .waiting = state else {
                if case .success(let channel) = result { served.upstream.giveBack(channel, request.endpoint) }
                return
            }
            switch result {
            case .success(let channel): send(over: channel)
            case .failure(let error):
                let fault = error as? StoreFault ?? .unavailable("The fabric cannot connect: \(error)")
                // Nothing has gone: any request may be tried again.
                if fault.status != 503 || !tryAgain(RetryQuota.cost) { fail(fault) }
            }
        }
    }

    private func send(over channel: any Channel) {
        guard let handler = try? channel.pipeline.syncOperations.handler(type: BackHandler.self), channel.isActive
        else {
            return connect()
        }
        handler.owner = self
        state = .begun(channel, handler)
        let head = request.signed(with: served.credentials.credentials, at: WallClock.nanoseconds)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if awaitsContinue {
            awaitsContinue = false
            if !hasRequestEnded, !passed.waits {
                front?.send(HTTPResponseHead(version: .http1_1, status: .continue))
                front?.flush()
            }
        }
        passed.writeWaiting(to: channel)
        channel.flush()
        front?.resumeReading()
    }

    // MARK: The request

    func receive(_ part: HTTPServerRequestPart) {
        hasMoved = true
        if case .end = part { hasRequestEnded = true }
        if case .body(let bytes) = part { counters.sent(bytes.readableBytes) }
        switch state {
        case .waiting: passed.append(part)
        case .begun(let channel, _):
            passed.write(part, to: channel)
            channel.flush()
        case .ended: break
        }
    }

    var takesMore: Bool {
        switch state {
        // What has been read with the head waits here; no more.
        case .waiting: !passed.waits && !hasRequestEnded
        case .begun(let channel, _): channel.isWritable
        case .ended: true
        }
    }

    func backBecameWritable() {
        hasMoved = true
        front?.resumeReading()
    }

    // MARK: The answer

    var takesAnswer: Bool { front?.isWritable ?? true }

    func frontBecameWritable() {
        hasMoved = true
        if case .begun(_, let handler) = state { handler.resumeReading() }
    }

    func backReceived(_ part: HTTPClientResponsePart) {
        guard case .begun(let channel, let handler) = state, let front else { return }
        hasMoved = true
        switch part {
        case .head(let answer):
            let isTransient = RetryQuota.isTransient(answer.status.code)
            if isTransient, request.isIdempotent, passed.canRepeat,
                tryAgain(RetryQuota.cost, leaving: (channel, handler))
            {
                return
            }
            if !isTransient { served.quota.giveBack(lastCost) }
            hasAnswerBegun = true
            keepsBackAlive = answer.isKeepAlive
            front.send(HTTPResponseHead(version: .http1_1, status: answer.status, headers: answer.headers.passedOn))
        case .body(let bytes):
            counters.received(bytes.readableBytes)
            front.send(bytes)
        case .end(let trailers):
            end()
            handler.owner = nil
            if keepsBackAlive, hasRequestEnded {
                served.upstream.giveBack(channel, request.endpoint)
            } else {
                channel.close(promise: nil)
            }
            front.end(trailers: trailers)
        }
    }

    func backHasNoMore() { front?.flush() }

    // MARK: Further tries

    /// Has it tried again after a while; false where there were enough tries.
    private func tryAgain(_ cost: Int, leaving former: (any Channel, BackHandler)? = nil) -> Bool {
        guard attempts < RetryQuota.maxAttempts, served.quota.take(cost) else { return false }
        lastCost = cost
        counters.retried()
        leave(former)
        let delay = RetryQuota.delay(after: attempts, random: Double.random(in: 0...1))
        eventLoop.assumeIsolated().scheduleTask(in: .milliseconds(delay)) { [weak self] in
            if let self, case .waiting = state { connect() }
        }
        return true
    }

    /// Begins anew: what has gone is to go again.
    private func leave(_ former: (any Channel, BackHandler)?) {
        former?.1.owner = nil
        former?.0.close(promise: nil)
        state = .waiting
        passed.beginAnew()
    }

    // MARK: What goes wrong

    func backEnded() {
        guard case .begun(let channel, let handler) = state else { return }
        guard !hasAnswerBegun else {
            end()
            counters.failed()
            front?.breakOff()
            return
        }
        if passed.canRepeat, request.isIdempotent {
            // The store has closed it while nobody used it; that is no fault of its.
            if isReused {
                attempts -= 1
                leave((channel, handler))
                return connect()
            }
            if tryAgain(RetryQuota.cost, leaving: (channel, handler)) { return }
        }
        let reason = handler.failure.map { ": \($0)" } ?? ""
        fail(.unavailable("\(request.endpoint) has closed the connection without an answer\(reason)"))
    }

    /// Looks once in the policy's limit whether something has moved since.
    private func watchMovement() {
        hasMoved = false
        let limit = TimeAmount.milliseconds(served.policy.timeoutInMilliseconds)
        timer = eventLoop.assumeIsolated().scheduleTask(in: limit) { [weak self] in self?.checkMovement() }
    }

    private func checkMovement() {
        guard !hasMoved else { return watchMovement() }
        if case .begun(let channel, let handler) = state {
            if !hasAnswerBegun, hasRequestEnded, passed.canRepeat, request.isIdempotent,
                tryAgain(RetryQuota.timeoutCost, leaving: (channel, handler))
            {
                return watchMovement()
            }
            handler.owner = nil
            channel.close(promise: nil)
        }
        let limit = served.policy.timeoutInMilliseconds
        if hasAnswerBegun {
            end()
            counters.failed()
            front?.breakOff()
        } else {
            fail(.unavailable("\(request.endpoint) has not answered in \(limit) ms"))
        }
    }

    func frontEnded() {
        if case .begun(let channel, let handler) = state {
            handler.owner = nil
            channel.close(promise: nil)
        }
        if case .ended = state { return }
        end()
        counters.failed()
    }

    private func fail(_ fault: StoreFault) {
        end()
        counters.failed()
        front?.answer(fault, to: request.target.path)
    }

    private func end() {
        state = .ended
        timer?.cancel()
        counters.ended()
    }
}

extension FrontHandler {
    /// An error of the fabric's own, in the form of S3's.
    func answer(_ fault: StoreFault, to resource: String) {
        let id = String(UInt64.random(in: .min ... .max), radix: 16, uppercase: true)
        answer(
            .init(statusCode: Int(fault.status)), fault.document(resource: resource, request: id),
            headers: [("Content-Type", "application/xml"), ("x-amz-request-id", id), ("Server", "czone-fabric")])
    }
}
