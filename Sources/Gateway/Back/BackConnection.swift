import Events
import LinuxSystem
import NIOCore
import NIOHTTP1
import NIOPosix

/// Who a connection to a container's server has a request of. On the connection's event loop.
protocol BackOwner: AnyObject {
    func backReceived(_ part: HTTPClientResponsePart)
    func backHasNoMore()
    func backBecameWritable()
    /// It is closed; nothing comes any more.
    func backEnded()
    /// Whether it takes more of the answer now.
    var takesAnswer: Bool { get }
}

/// Opens connections to containers' servers.
enum BackConnection {
    /// One that the server has taken; it tries so long, as the server may be about to listen.
    static func open(
        to container: FunctionContainer, on eventLoop: any NIOCore.EventLoop, withinMilliseconds limit: UInt32
    ) -> EventLoopFuture<any Channel> {
        do {
            let (near, answer) = try container.connect(withinMilliseconds: limit)
            return answer.hop(to: eventLoop).flatMap {
                do {
                    return ClientBootstrap(group: eventLoop)
                        .channelInitializer { channel in initialize(channel, for: container) }
                        .withConnectedSocket(try near.duplicateToGiveAway())
                } catch { return eventLoop.makeFailedFuture(error) }
            }
        } catch { return eventLoop.makeFailedFuture(error) }
    }

    /// The HTTP handlers of a new connection.
    static func initialize(_ channel: any Channel, for container: FunctionContainer) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let encoder = HTTPRequestEncoder()
            let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .forwardBytes))
            let pool = container.pool
            let handler = BackHandler(http: [encoder, decoder]) { pool.remove($0) }
            try channel.pipeline.syncOperations.addHandlers([encoder, decoder, handler])
        }
    }

    /// The handler of a connection that `open` made. On its event loop.
    static func handler(of channel: any Channel) -> BackHandler? {
        try? channel.pipeline.syncOperations.handler(type: BackHandler.self)
    }
}

/// A connection to a container's server: one request at a time, each of another owner.
final class BackHandler: ChannelDuplexHandler, RemovableChannelHandler {
    typealias InboundIn = HTTPClientResponsePart
    typealias OutboundIn = HTTPClientRequestPart
    typealias OutboundOut = HTTPClientRequestPart

    /// Nobody while it has no request.
    weak var owner: (any BackOwner)?
    /// The handlers that make HTTP of its bytes.
    let http: [any RemovableChannelHandler]
    private let onIdleEnd: (any Channel) -> Void
    private var context: ChannelHandlerContext?
    private var isReadHeld = false

    init(http: [any RemovableChannelHandler], onIdleEnd: @escaping (any Channel) -> Void) {
        self.http = http
        self.onIdleEnd = onIdleEnd
    }

    func handlerAdded(context: ChannelHandlerContext) { self.context = context }
    func handlerRemoved(context: ChannelHandlerContext) { self.context = nil }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        guard let owner else {
            // An answer that nobody asked for: what comes next could be taken for another's.
            return context.close(promise: nil)
        }
        owner.backReceived(unwrapInboundIn(data))
    }

    func channelReadComplete(context: ChannelHandlerContext) {
        owner?.backHasNoMore()
        context.fireChannelReadComplete()
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if context.channel.isWritable { owner?.backBecameWritable() }
        context.fireChannelWritabilityChanged()
    }

    func channelInactive(context: ChannelHandlerContext) {
        if let owner { owner.backEnded() } else { onIdleEnd(context.channel) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // An answer that makes no sense, or a connection that broke: channelInactive follows.
        context.close(promise: nil)
    }

    /// Nothing more is read while the answer's reader is slow.
    func read(context: ChannelHandlerContext) {
        if owner?.takesAnswer ?? true { context.read() } else { isReadHeld = true }
    }

    /// The answer's reader takes more.
    func resumeReading() {
        guard isReadHeld else { return }
        isReadHeld = false
        context?.read()
    }
}
