import Events
import NIOCore
import NIOHTTP1

/// One connection of a Lambda runtime: a request at a time, each with a body of at most `LambdaInvocation.maxBytes`.
final class RuntimeHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let runtime: LambdaRuntime
    private let onFirst: () -> Void
    private let onEnd: (_ wasUsed: Bool) -> Void
    private var head: HTTPRequestHead?
    private var body = ByteBuffer()
    private var wasUsed = false

    init(_ runtime: LambdaRuntime, onFirst: @escaping () -> Void, onEnd: @escaping (Bool) -> Void) {
        self.runtime = runtime
        self.onFirst = onFirst
        self.onEnd = onEnd
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            if !wasUsed {
                wasUsed = true
                onFirst()
            }
            self.head = head
            body.clear()
        case .body(var bytes):
            guard body.readableBytes + bytes.readableBytes <= LambdaInvocation.maxBytes + 65536 else {
                return context.close(promise: nil)
            }
            body.writeBuffer(&bytes)
        case .end:
            guard let head else { return }
            self.head = nil
            serve(head, body, context)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        onEnd(wasUsed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }

    private func serve(_ head: HTTPRequestHead, _ body: ByteBuffer, _ context: ChannelHandlerContext) {
        switch RuntimeCall(method: head.method.rawValue, target: head.uri) {
        case .next: next(context)
        case .response(let id):
            let isError = head.headers.first(name: "lambda-runtime-function-error-type") != nil
            let result = LambdaResult(
                body: Array(body.readableBytesView), isError: isError,
                contentType: head.headers.first(name: "content-type") ?? "application/json")
            accept(runtime.answer(id, result), context)
        case .error(let id):
            let result = LambdaResult(
                body: Array(body.readableBytesView), isError: true, contentType: "application/json")
            accept(runtime.answer(id, result), context)
        case .initError:
            let type = head.headers.first(name: "lambda-runtime-function-error-type") ?? "Runtime.InitError"
            let text = body.getString(at: body.readerIndex, length: min(body.readableBytes, 2048)) ?? ""
            runtime.noteInitError("\(type): \(text)")
            accept(true, context)
        case nil: reply(.notFound, "{\"errorType\":\"NotFound\",\"errorMessage\":\"no such call\"}", context)
        }
    }

    private func accept(_ isKnown: Bool, _ context: ChannelHandlerContext) {
        guard isKnown else {
            return reply(
                .badRequest, "{\"errorType\":\"InvalidRequestID\",\"errorMessage\":\"no such invocation\"}", context)
        }
        reply(.accepted, "{\"status\":\"OK\"}", context)
    }

    /// Answered when there is an event, however long that takes.
    private func next(_ context: ChannelHandlerContext) {
        let promise = context.eventLoop.makePromise(of: LambdaInvocation.self)
        let bound = NIOLoopBound((self, context), eventLoop: context.eventLoop)
        promise.futureResult.whenComplete { result in
            let (handler, context) = bound.value
            switch result {
            case .success(let invocation): handler.send(invocation, context)
            case .failure: context.close(promise: nil)
            }
        }
        runtime.next(LambdaRuntime.Asker(promise: promise))
    }

    private func send(_ invocation: LambdaInvocation, _ context: ChannelHandlerContext) {
        let headers = HTTPHeaders(invocation.headers + [("Content-Length", "\(invocation.payload.count)")])
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: .ok, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(bytes: invocation.payload)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }

    private func reply(_ status: HTTPResponseStatus, _ text: String, _ context: ChannelHandlerContext) {
        let headers: HTTPHeaders = ["Content-Type": "application/json", "Content-Length": "\(text.utf8.count)"]
        context.write(
            wrapOutboundOut(.head(HTTPResponseHead(version: .http1_1, status: status, headers: headers))), promise: nil)
        context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: text)))), promise: nil)
        context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
    }
}
