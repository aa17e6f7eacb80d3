import HTTPExchange
import NIOCore
import NIOHTTP2

/// Distinguishes HTTP/2 without TLS (RFC 9113, section 3.3: the caller knows that it is spoken) from HTTP/1.1 by a
/// connection's first bytes, and hands them on.
final class ProtocolDetector: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    /// What every HTTP/2 connection begins with (section 3.4).
    private static let preface = Array("PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n".utf8)

    private let router: any Routing
    private var received = ByteBuffer()
    private var timer: Scheduled<Void>?

    init(_ router: any Routing) {
        self.router = router
    }

    func channelActive(context: ChannelHandlerContext) {
        let channel = context.channel
        timer = context.eventLoop.scheduleTask(in: FrontHandler.patience) { channel.close(promise: nil) }
        context.fireChannelActive()
    }

    func handlerRemoved(context: ChannelHandlerContext) { timer?.cancel() }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        var bytes = unwrapInboundIn(data)
        received.writeBuffer(&bytes)
        let seen = received.readableBytesView.prefix(Self.preface.count)
        let isHTTP2 = seen.elementsEqual(Self.preface.prefix(seen.count))
        // The beginning of what may become the preface.
        if isHTTP2, seen.count < Self.preface.count { return }
        do {
            if isHTTP2 {
                try FrontListener.configureHTTP2(context.channel, router)
            } else {
                try FrontHandler.configure(context.channel, router)
            }
        } catch { return context.close(promise: nil) }
        let pipeline = context.pipeline.syncOperations
        context.fireChannelRead(wrapInboundOut(received))
        context.fireChannelReadComplete()
        pipeline.removeHandler(self, promise: nil)
    }

    func channelInactive(context: ChannelHandlerContext) {
        timer?.cancel()
        context.fireChannelInactive()
    }
}
