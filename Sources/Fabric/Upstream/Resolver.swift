import FabricPolicies
import NIOCore
import NIOPosix

/// Finds addresses of names, with the host's resolver. Any thread may use it.
final class Resolver: Sendable {
    /// Names that are being looked up at a time; further ones wait.
    private static let threadCount = 2
    /// The host's resolver has limits of its own; no exchange waits longer than this.
    private static let patience = TimeAmount.seconds(10)

    private let threads = NIOThreadPool(numberOfThreads: Resolver.threadCount)

    init() { threads.start() }

    /// The address that the host's resolver names first; fails with `StoreFault`.
    func resolve(
        _ endpoint: FabricPolicy.Endpoint, on eventLoop: any NIOCore.EventLoop
    ) -> EventLoopFuture<SocketAddress> {
        let promise = eventLoop.makePromise(of: SocketAddress.self)
        let timer = eventLoop.scheduleTask(in: Self.patience) {
            promise.fail(StoreFault.unavailable("\(endpoint.host) is not resolved in time."))
        }
        threads.runIfActive(eventLoop: eventLoop) {
            try SocketAddress.makeAddressResolvingHost(endpoint.host, port: Int(endpoint.port))
        }.whenComplete { result in
            timer.cancel()
            promise.completeWith(
                result.mapError { _ in StoreFault.unavailable("There is no address of \(endpoint.host).") as any Error }
            )
        }
        return promise.futureResult
    }

    func close() { threads.shutdownGracefully { _ in } }
}
