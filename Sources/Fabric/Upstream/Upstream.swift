import FabricPolicies
import HTTPExchange
import LinuxSystem
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization

/// Connections to the services of a policy, kept for the next exchange. Any thread may use it.
final class Upstream: Sendable {
    private static let connectTimeout = TimeAmount.seconds(5)

    private let eventLoop: any NIOCore.EventLoop
    private let resolver: Resolver
    private let pools = Mutex<[FabricPolicy.Endpoint: BackPool]>([:])
    /// By the file of authorities; the empty name stands for the host's.
    private let contexts = Mutex<[String: NIOSSLContext]>([:])

    init(on eventLoop: any NIOCore.EventLoop, resolver: Resolver) {
        self.eventLoop = eventLoop
        self.resolver = resolver
    }

    /// Makes what connections by TLS to the service begin with; fails where its authorities cannot be read.
    func prepare(_ service: FabricPolicy.Service) throws {
        guard service.endpoint?.isSecure ?? true else { return }
        let name = service.certificates ?? ""
        guard contexts.withLock({ $0[name] }) == nil else { return }
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let file = service.certificates { configuration.trustRoots = .file(file) }
        let context = try NIOSSLContext(configuration: configuration)
        contexts.withLock { $0[name] = context }
    }

    /// A connection that waits for its next request, if there is one.
    func idle(_ endpoint: FabricPolicy.Endpoint) -> (any Channel)? { pool(endpoint).take(on: eventLoop) }

    func giveBack(_ channel: any Channel, _ endpoint: FabricPolicy.Endpoint) { pool(endpoint).put(channel) }

    func close() { for pool in pools.withLock({ Array($0.values) }) { pool.close(forEver: true) } }

    private func pool(_ endpoint: FabricPolicy.Endpoint) -> BackPool {
        pools.withLock { pools in
            if let pool = pools[endpoint] { return pool }
            let pool = BackPool()
            pools[endpoint] = pool
            return pool
        }
    }

    /// A new connection, to an address that the policy allows and to no other; fails with `StoreFault`.
    func connect(
        _ endpoint: FabricPolicy.Endpoint, of service: FabricPolicy.Service
    ) -> EventLoopFuture<any Channel> {
        resolver.resolve(endpoint, on: eventLoop).flatMapThrowing { address in
            guard let numbers = address.ipAddress.flatMap({ IPAddress($0) }), service.allows(numbers) else {
                throw StoreFault.denied(
                    "\(endpoint.host) is at \(address.ipAddress ?? "no address"), where the policy lets nobody go.")
            }
            return address
        }.flatMap { [self] address in open(address, endpoint, service) }
    }

    private func open(
        _ address: SocketAddress, _ endpoint: FabricPolicy.Endpoint, _ service: FabricPolicy.Service
    ) -> EventLoopFuture<any Channel> {
        let context = contexts.withLock { $0[service.certificates ?? ""] }
        let pool = pool(endpoint)
        return ClientBootstrap(group: eventLoop)
            .connectTimeout(Self.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelOption(.maxMessagesPerRead, value: 4)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if endpoint.isSecure {
                        guard let context else { throw StoreFault.unavailable("There are no authorities for TLS.") }
                        // Certificates name an address among their addresses, and it is not sent as a name.
                        let name = IPAddress(endpoint.host) == nil ? endpoint.host : nil
                        try pipeline.addHandler(try NIOSSLClientHandler(context: context, serverHostname: name))
                    }
                    let encoder = HTTPRequestEncoder()
                    let decoder = ByteToMessageHandler(HTTPResponseDecoder(leftOverBytesStrategy: .dropBytes))
                    let handler = BackHandler(http: [encoder, decoder]) { pool.remove($0) }
                    try pipeline.addHandlers([encoder, decoder, handler])
                }
            }
            .connect(to: address)
            .flatMapErrorThrowing { error in
                throw error as? StoreFault ?? .unavailable("The fabric cannot connect to \(endpoint): \(error)")
            }
    }
}
