import HTTPExchange
import NIOCore
import NIOHTTP1
import NIOHTTP2
import NIOPosix
import NIOSSL
import NIOTLS
import Synchronization

/// Listens for callers.
enum FrontListener {
    private static let backlog: Int32 = 1024
    /// A connection of HTTP/2 on which nothing moves at all is closed.
    private static let idleHTTP2 = TimeAmount.minutes(10)

    static func listen(
        on address: SocketAddress, group: MultiThreadedEventLoopGroup, router: any Routing, secure: NIOSSLContext?,
        limit: ConnectionLimit
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: backlog)
            .serverChannelOption(.socketOption(.so_reuseaddr), value: 1)
            .childChannelOption(.tcpOption(.tcp_nodelay), value: 1)
            .childChannelOption(.maxMessagesPerRead, value: 4)
            .childChannelInitializer { channel in
                guard limit.admit(channel) else { return channel.close() }
                return initialize(channel, router, secure)
            }
            .bind(to: address).get()
    }

    /// Listens at a path, for root alone: its directory is closed to others.
    static func listen(
        at path: String, group: MultiThreadedEventLoopGroup, router: any Routing
    ) async throws -> any Channel {
        try await ServerBootstrap(group: group)
            .serverChannelOption(.backlog, value: 64)
            .childChannelInitializer { channel in initialize(channel, router, nil) }
            .bind(unixDomainSocketPath: path, cleanupExistingSocketFile: true).get()
    }

    /// HTTP/1.1, or HTTP/2 where the caller begins so, or agrees on it by TLS.
    static func initialize(
        _ channel: any Channel, _ router: any Routing, _ secure: NIOSSLContext?
    ) -> EventLoopFuture<Void> {
        guard let secure else {
            return channel.eventLoop.makeCompletedFuture {
                try channel.pipeline.syncOperations.addHandler(ProtocolDetector(router))
            }
        }
        // A caller that does not finish its TLS handshake in time loses the connection.
        let timer = channel.eventLoop.scheduleTask(in: FrontHandler.patience) { channel.close(promise: nil) }
        return channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.addHandler(NIOSSLServerHandler(context: secure))
            try pipeline.addHandler(
                ApplicationProtocolNegotiationHandler { result, channel in
                    timer.cancel()
                    return channel.eventLoop.makeCompletedFuture {
                        if case .negotiated("h2") = result {
                            try configureHTTP2(channel, router)
                        } else {
                            try FrontHandler.configure(channel, router)
                        }
                    }
                })
        }
    }

    /// Each stream is as a connection with one request. On the channel's event loop.
    static func configureHTTP2(_ channel: any Channel, _ router: any Routing) throws {
        try channel.pipeline.syncOperations.addHandlers([IdleStateHandler(allTimeout: idleHTTP2), IdleCloser()])
        var connection = NIOHTTP2Handler.ConnectionConfiguration()
        connection.initialSettings = nioDefaultSettings + [HTTP2Setting(parameter: .maxConcurrentStreams, value: 256)]
        _ = try channel.pipeline.syncOperations.configureHTTP2Pipeline(
            mode: .server, connectionConfiguration: connection, streamConfiguration: .init()
        ) { stream in
            stream.eventLoop.makeCompletedFuture {
                try stream.pipeline.syncOperations.addHandlers([
                    HTTP2FramePayloadToHTTP1ServerCodec(), FrontHandler(router, http: []),
                ])
            }
        }
    }
}

/// Closes a connection that `IdleStateHandler` finds idle.
private final class IdleCloser: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    func userInboundEventTriggered(context: ChannelHandlerContext, event: Any) {
        guard event is IdleStateHandler.IdleStateEvent else { return context.fireUserInboundEventTriggered(event) }
        context.close(promise: nil)
    }
}

/// How many callers may be connected at a time.
final class ConnectionLimit: Sendable {
    private let max: Int
    private let count = Atomic(0)

    init(_ max: Int) { self.max = max }

    /// False where there are too many: the connection is to be closed.
    func admit(_ channel: any Channel) -> Bool {
        guard count.add(1, ordering: .relaxed).newValue <= max else {
            count.subtract(1, ordering: .relaxed)
            return false
        }
        channel.closeFuture.whenComplete { [self] _ in count.subtract(1, ordering: .relaxed) }
        return true
    }
}
