import FabricPolicies
import HTTPExchange
import LinuxSystem
import NIOCore
import NIOSSL
import Synchronization

/// Connections to the services of a policy, kept for the next exchange. Any thread may use it.
final class Upstream: Sendable {
    private let eventLoop: any NIOCore.EventLoop
    private let resolver: Resolver
    private let connections = ServerConnections<FabricPolicy.Endpoint>(connectTimeout: .seconds(5))
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
        let context = try NIOSSLContext.forServers(trusting: service.certificates)
        contexts.withLock { $0[name] = context }
    }

    /// A connection that waits for its next request, if there is one.
    func idle(_ endpoint: FabricPolicy.Endpoint) -> (any Channel)? { connections.take(endpoint, on: eventLoop) }

    func giveBack(_ channel: any Channel, _ endpoint: FabricPolicy.Endpoint) {
        connections.giveBack(channel, endpoint)
    }

    func close() { connections.close() }

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
        }.flatMapThrowing { [self] address in (address, try security(of: endpoint, service)) }
            .flatMap { [self] address, security in
                connections.connect(to: endpoint, at: address, on: eventLoop, security)
            }
            .flatMapErrorThrowing { error in
                throw error as? StoreFault ?? .unavailable("The fabric cannot connect to \(endpoint): \(error)")
            }
    }

    private func security(
        of endpoint: FabricPolicy.Endpoint, _ service: FabricPolicy.Service
    ) throws -> ServerConnections<FabricPolicy.Endpoint>.Security? {
        guard endpoint.isSecure else { return nil }
        guard let context = contexts.withLock({ $0[service.certificates ?? ""] }) else {
            throw StoreFault.unavailable("There are no authorities for TLS.")
        }
        return .init(context, serverName: IPAddress(endpoint.host) == nil ? endpoint.host : nil)
    }
}
