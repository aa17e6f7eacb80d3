import NIOCore
import NIOHTTP1
import TemplateRegistry

/// Collects the answer to one request at a time. On its connection's event loop.
final class AnswerHandler: ChannelInboundHandler {
    typealias InboundIn = HTTPClientResponsePart

    private struct Pending {
        let maxAnswer: Int
        let promise: EventLoopPromise<TransferAnswer>
        var head: HTTPResponseHead?
        var body: [UInt8] = []
    }

    private let server: String
    private let silence: TimeAmount
    private var pending: Pending?
    private var failure: TransferError?
    private(set) var isReusable = true

    init(server: String, silence: TimeAmount) {
        self.server = server
        self.silence = silence
    }

    /// The next answer is that of a request that is being sent.
    func expect(atMost maxAnswer: Int, _ promise: EventLoopPromise<TransferAnswer>) {
        pending = Pending(maxAnswer: maxAnswer, promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard var request = pending else {
            // What nobody asked for could be taken for another request's answer.
            return context.close(promise: nil)
        }
        switch unwrapInboundIn(data) {
        case .head(let head):
            // 100 and its like come before the answer.
            guard head.status.code >= 200 else { return }
            request.head = head
            pending = request
            if !head.isKeepAlive { isReusable = false }
        case .body(let part):
            guard request.body.count + part.readableBytes <= request.maxAnswer else {
                return end(
                    context,
                    .answer(server: server, reason: "more than \(request.maxAnswer) bytes where no more can be"))
            }
            // Two owners would make each appending a copy.
            pending = nil
            request.body.append(contentsOf: part.readableBytesView)
            pending = request
        case .end:
            guard let head = request.head else { return }
            pending = nil
            request.promise.succeed(
                TransferAnswer(status: Int(head.status.code), headers: head.headers, body: request.body))
        }
    }

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        if event is IdleStateHandler.IdleStateEvent {
            return end(context, .silent(server: server, seconds: silence.nanoseconds / 1_000_000_000))
        }
        context.fireUserInboundEventTriggered(event)
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        end(context, .connection(server: server, reason: "\(error)"))
    }

    func channelInactive(context: ChannelHandlerContext) {
        end(context, .connection(server: server, reason: "it closed the connection before it had answered"))
    }

    private func end(_ context: ChannelHandlerContext, _ error: TransferError) {
        isReusable = false
        let request = pending
        pending = nil
        request?.promise.fail(failure ?? error)
        failure = failure ?? error
        context.close(promise: nil)
    }
}
