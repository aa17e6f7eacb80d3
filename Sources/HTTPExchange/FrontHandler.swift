package import NIOCore
package import NIOHTTP1

/// What a request of a caller's is given to, part by part. On the caller's event loop.
package protocol FrontExchange: AnyObject {
    /// The request's body and end.
    func receive(_ part: HTTPServerRequestPart)
    /// Whether it takes more of the request now.
    var takesMore: Bool { get }
    func frontBecameWritable()
    /// The caller has gone.
    func frontEnded()
}

/// Makes the exchanges of a listener's requests. Any event loop may use it.
package protocol Routing: Sendable {
    /// The exchange for a request, begun; it may have answered already.
    func exchange(for head: HTTPRequestHead, _ front: FrontHandler) -> any FrontExchange
}

/// A caller's connection: one request after the other, each given to an exchange that the router makes for it.
package final class FrontHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPServerRequestPart
    package typealias OutboundIn = HTTPServerResponsePart
    package typealias OutboundOut = HTTPServerResponsePart

    /// So much is still read of a request that was answered before its end; then the connection is closed.
    private static let maxDiscarded = 1 << 20
    /// A caller has so long for a request's head, and between two requests.
    package static let patience = TimeAmount.seconds(75)

    private enum State {
        case idle
        case exchanging(any FrontExchange)
        /// Answered; what is left of the request is dropped.
        case discarding(left: Int)
        case closed
    }

    private let router: any Routing
    /// The handlers that make HTTP of its bytes; empty where there are none to take away (HTTP/2).
    package let http: [any RemovableChannelHandler]
    private var state = State.idle
    private var context: ChannelHandlerContext?
    private var isReadHeld = false
    /// Of the request under way.
    private var keepsAlive = true
    private var version = HTTPVersion.http1_1
    private var isHead = false
    private var hasRequestEnded = true
    private var idleTimer: Scheduled<Void>?

    package init(_ router: any Routing, http: [any RemovableChannelHandler]) {
        self.router = router
        self.http = http
    }

    package func handlerAdded(context: ChannelHandlerContext) {
        self.context = context
        startTimer()
    }

    package func handlerRemoved(context: ChannelHandlerContext) {
        idleTimer?.cancel()
        self.context = nil
    }

    package var channel: (any Channel)? { context?.channel }
    package var isWritable: Bool { context?.channel.isWritable ?? false }

    private func startTimer() {
        guard let context else { return }
        let channel = context.channel
        idleTimer = context.eventLoop.scheduleTask(in: Self.patience) { channel.close(promise: nil) }
    }

    // MARK: The request

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch (unwrapInboundIn(data), state) {
        case (.head(let head), .idle):
            idleTimer?.cancel()
            // After a request that may leave HTTP its decoder reads nothing more, whatever the answer.
            let mayLeave = head.headers[canonicalForm: "connection"].contains { $0.lowercased() == "upgrade" }
            keepsAlive = head.version.major >= 2 || head.isKeepAlive && !mayLeave
            isHead = head.method == .HEAD
            version = head.version
            hasRequestEnded = false
            let exchange = router.exchange(for: head, self)
            // It may have answered already.
            if case .idle = state, !hasRequestEnded { state = .exchanging(exchange) }
        case (let part, .exchanging(let exchange)):
            if case .end = part { hasRequestEnded = true }
            exchange.receive(part)
        case (.body(let bytes), .discarding(let left)):
            guard bytes.readableBytes <= left else { return context.close(promise: nil) }
            state = .discarding(left: left - bytes.readableBytes)
        case (.end, .discarding):
            hasRequestEnded = true
            becomeIdle()
            resumeReading()
        default: break
        }
    }

    /// Nothing more is read while the container is slow, or not there yet.
    package func read(context: ChannelHandlerContext) {
        if case .exchanging(let exchange) = state, !exchange.takesMore { isReadHeld = true } else { context.read() }
    }

    package func resumeReading() {
        guard isReadHeld else { return }
        isReadHeld = false
        context?.read()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if case .exchanging(let exchange) = state, context.channel.isWritable { exchange.frontBecameWritable() }
        context.fireChannelWritabilityChanged()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if case .exchanging(let exchange) = state {
            state = .closed
            exchange.frontEnded()
        }
        state = .closed
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        context.close(promise: nil)
    }

    // MARK: The answer

    /// The caller speaks HTTP/1.0, which has no chunks.
    private var isOld: Bool { version.major < 1 || version.major == 1 && version.minor == 0 }

    /// Sends the head; what is about the connection is added here.
    package func send(_ head: HTTPResponseHead) {
        guard let context else { return }
        var head = head
        head.version = version
        frame(&head)
        if version.major < 2, head.status.code >= 200 {
            if !keepsAlive {
                head.headers.replaceOrAdd(name: "Connection", value: "close")
            } else if isOld {
                head.headers.replaceOrAdd(name: "Connection", value: "keep-alive")
            }
        }
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    /// How the body's end is marked (RFC 9112, section 6.3).
    private func frame(_ head: inout HTTPResponseHead) {
        head.headers.remove(name: "transfer-encoding")
        guard version.major < 2, !isHead, head.status.mayHaveResponseBody, head.status.code >= 200,
            !head.headers.contains(name: "content-length")
        else { return }
        if isOld { keepsAlive = false } else { head.headers.add(name: "Transfer-Encoding", value: "chunked") }
    }

    package func send(_ bytes: ByteBuffer) { context?.write(wrapOutboundOut(.body(.byteBuffer(bytes))), promise: nil) }

    package func flush() { context?.flush() }

    /// The answer is whole.
    package func end(trailers: HTTPHeaders? = nil) {
        guard let context else { return }
        // Before its end is written: with that the next request may come, which has waited.
        guard keepsAlive else {
            state = .closed
            context.writeAndFlush(wrapOutboundOut(.end(trailers))).whenComplete { [channel = context.channel] _ in
                channel.close(promise: nil)
            }
            return
        }
        if hasRequestEnded { becomeIdle() } else { state = .discarding(left: Self.maxDiscarded) }
        context.writeAndFlush(wrapOutboundOut(.end(trailers)), promise: nil)
        resumeReading()
    }

    /// An answer of the gateway's own.
    package func answer(_ status: HTTPResponseStatus, _ text: String, headers: [(String, String)] = []) {
        let line = text.hasSuffix("\n") ? text : text + "\n"
        answer(
            status, ByteBuffer(string: line),
            headers: [("Content-Type", "text/plain; charset=utf-8")] + headers)
    }

    package func answer(_ status: HTTPResponseStatus, _ body: ByteBuffer, headers: [(String, String)]) {
        var fields = HTTPHeaders(headers)
        if status.mayHaveResponseBody { fields.add(name: "Content-Length", value: "\(body.readableBytes)") }
        send(HTTPResponseHead(version: version, status: status, headers: fields))
        if status.mayHaveResponseBody, !isHead, body.readableBytes > 0 { send(body) }
        end()
    }

    /// The answer broke off: the connection is broken too, so that the caller does not take it for whole.
    package func breakOff() {
        state = .closed
        context?.close(promise: nil)
    }

    private func becomeIdle() {
        state = .idle
        startTimer()
    }

    // MARK: Other protocols

    /// Leaves HTTP, as the container's connection does: from here on bytes are carried both ways.
    package func becomeTunnel(
        _ head: HTTPResponseHead, with back: any Channel, _ handler: BackHandler, onEnd: @escaping () -> Void
    ) {
        guard let context, !http.isEmpty else { return breakOff() }
        state = .closed
        context.write(wrapOutboundOut(.head(head)), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        let (mine, others) = TunnelHandler.pair(onEnd: onEnd)
        do {
            try Self.replace(http + [self], of: context.channel, with: mine)
            try Self.replace(handler.http + [handler], of: back, with: others)
        } catch {
            back.close(promise: nil)
            return context.close(promise: nil)
        }
        context.channel.read()
        back.read()
    }

    /// What a decoder has left over comes to the tunnel: that is there first, and the decoder goes last.
    private static func replace(
        _ handlers: [any RemovableChannelHandler], of channel: any Channel, with tunnel: TunnelHandler
    ) throws {
        let pipeline = channel.pipeline.syncOperations
        try pipeline.addHandler(tunnel)
        for handler in handlers.reversed() { pipeline.removeHandler(handler, promise: nil) }
    }
}

/// A request that was answered at once.
package final class AnsweredExchange: FrontExchange {
    package init() {}
    package func receive(_ part: HTTPServerRequestPart) {}
    package var takesMore: Bool { true }
    package func frontBecameWritable() {}
    package func frontEnded() {}
}
