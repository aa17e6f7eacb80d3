package import NIOCore
import NIOHTTP1
import NIOPosix
package import NIOSSL
import Synchronization

/// Connections to servers, by what names a server: kept for its next request, and made anew. Each has a `BackHandler`. Any
/// thread may use it.
package final class ServerConnections<Server: Hashable & Sendable>: Sendable {
    /// What a connection is encrypted with.
    package struct Security: Sendable {
        let context: NIOSSLContext
        /// Nil for an address: certificates name those among their addresses, and they are not sent as names.
        let serverName: String?

        package init(_ context: NIOSSLContext, serverName: String?) {
            self.context = context
            self.serverName = serverName
        }
    }

    private let connectTimeout: TimeAmount
    private let pools = Mutex<[Server: BackPool]>([:])

    /// - Parameter connectTimeout: until a server has taken a connection.
    package init(connectTimeout: TimeAmount) { self.connectTimeout = connectTimeout }

    /// One that has no request now.
    package func take(_ server: Server, on eventLoop: any NIOCore.EventLoop) -> (any Channel)? {
        pool(server).take(on: eventLoop)
    }

    package func giveBack(_ channel: any Channel, _ server: Server) { pool(server).put(channel) }

    /// Closes all that are kept, and those that come back.
    package func close() { for pool in pools.withLock({ Array($0.values) }) { pool.close(forEver: true) } }

    private func pool(_ server: Server) -> BackPool {
        pools.withLock { pools in
            if let pool = pools[server] { return pool }
            let pool = BackPool()
            pools[server] = pool
            return pool
        }
    }

    /// A new one.
    ///
    /// - Parameters:
    ///   - address: where the server is, looked up and allowed by the caller.
    ///   - security: nil: it is not encrypted.
    package func connect(
        to server: Server, at address: SocketAddress, on eventLoop: any NIOCore.EventLoop, _ security: Security?
    ) -> EventLoopFuture<any Channel> {
        let pool = pool(server)
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if let security {
                        try pipeline.addHandler(
                            try NIOSSLClientHandler(context: security.context, serverHostname: security.serverName))
                    }
                    let encoder = HTTPRequestEncoder()
                    let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes))
                    let handler = BackHandler(http: [encoder, decoder]) { pool.remove($0) }
                    try pipeline.addHandlers([encoder, decoder, handler])
                }
            }
            .connect(to: address)
    }
}

extension NIOSSLContext {
    /// What connections to servers of HTTP/1.1 begin with: TLS 1.2 and later.
    ///
    /// - Parameter authorities: the file of those that are trusted; nil: the host's.
    /// - Throws: where they cannot be read.
    package static func forServers(trusting authorities: String? = nil) throws -> NIOSSLContext {
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let authorities { configuration.trustRoots = .file(authorities) }
        return try NIOSSLContext(configuration: configuration)
    }
}
