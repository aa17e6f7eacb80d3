package import NIOCore
package import NIOHTTP1

/// The exchange whose request a connection to a server carries. On the connection's event loop.
package protocol BackOwner: AnyObject {
    func backReceived(_ part: HTTPClientResponsePart)
    func backHasNoMore()
    func backBecameWritable()
    /// It is closed; nothing comes any more.
    func backEnded()
    /// Whether it takes more of the answer now.
    var takesAnswer: Bool { get }
}

/// A connection to a server: one request at a time, each of another owner.
package final class BackHandler: ChannelDuplexHandler, RemovableChannelHandler {
    package typealias InboundIn = HTTPClientResponsePart
    package typealias OutboundIn = HTTPClientRequestPart
    package typealias OutboundOut = HTTPClientRequestPart

    /// Nil while it has no request.
    package weak var owner: (any BackOwner)?
    /// The handlers that make HTTP of its bytes.
    package let http: [any RemovableChannelHandler]
    /// What has broken the connection, if something has.
    package private(set) var failure: (any Error)?
    private let onIdleEnd: (any Channel) -> Void
    private var context: ChannelHandlerContext?
    private var isReadHeld = false

    package init(http: [any RemovableChannelHandler], onIdleEnd: @escaping (any Channel) -> Void) {
        self.http = http
        self.onIdleEnd = onIdleEnd
    }

    package func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    package func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    package func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let owner else {
            // An answer that nobody asked for: what comes next could be taken for another's.
            return context.close(promise: nil)
        }
        owner.backReceived(unwrapInboundIn(data))
    }

    package func channelReadComplete(context: ChannelHandlerContext) {
        owner?.backHasNoMore()
        context.fireChannelReadComplete()
    }

    package func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { owner?.backBecameWritable() }
        context.fireChannelWritabilityChanged()
    }

    package func channelInactive(context: ChannelHandlerContext) {
        if let owner { owner.backEnded() } else { onIdleEnd(context.channel) }
        context.fireChannelInactive()
    }

    package func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An answer that makes no sense, or a connection that broke: channelInactive follows.
        failure = error
        context.close(promise: nil)
    }

    /// Nothing more is read while the answer's reader is slow.
    package func read(context: ChannelHandlerContext) {
        if owner?.takesAnswer ?? true { context.read() } else { isReadHeld = true }
    }

    /// The answer's reader takes more.
    package func resumeReading() {
        guard isReadHeld else { return }
        isReadHeld = false
        context?.read()
    }
}
