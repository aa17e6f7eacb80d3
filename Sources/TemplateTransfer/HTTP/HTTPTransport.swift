import LinuxSystem
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import Synchronization
import TemplateRegistry

/// Carries requests to servers, each over a connection that is kept for the next. Any thread but the event loop's may use it,
/// and waits: for a connection 10 s, for a silent server 20 s, and for nothing behind the end of the transfer's time.
package final class HTTPTransport: Sendable {
    private static let connectTimeout = TimeAmount.seconds(10)
    /// Neither a byte from the server nor one that it took.
    private static let defaultSilence = TimeAmount.seconds(20)
    /// A body goes out in pieces of so many bytes, so that each is a sign of progress.
    private static let pieceSize = 64 << 10

    /// A connection, and what collects its answers; the handler is its event loop's.
    private struct Connection: Sendable {
        let channel: any Channel
        let handler: NIOLoopBound<AnswerHandler>
    }

    private let group = MultiThreadedEventLoopGroup(numberOfThreads: 1)
    private let idle = Mutex<[RegistryURL.Origin: [Connection]]>([:])
    private let tls: NIOSSLContext
    private let silence: TimeAmount
    private let end: NIODeadline
    private let limit: Int

    /// - Parameters:
    ///   - limit: how long the whole transfer may take, in seconds.
    ///   - authorities: a PEM file of further authorities that vouch for servers.
    ///   - silenceInSeconds: how long a server may be silent.
    package init(limitInSeconds limit: Int, authorities: String? = nil, silenceInSeconds: Int? = nil)
        throws(TransferError)
    {
        self.limit = limit
        silence = silenceInSeconds.map { .seconds(Int64($0)) } ?? Self.defaultSilence
        end = .now() + .seconds(Int64(limit))
        var configuration = TLSConfiguration.makeClientConfiguration()
        configuration.minimumTLSVersion = .tlsv12
        configuration.applicationProtocols = ["http/1.1"]
        if let authorities { configuration.additionalTrustRoots = [.file(authorities)] }
        do { tls = try NIOSSLContext(configuration: configuration) } catch {
            throw .invalid("the authorities \(quoted(authorities ?? "of this host")) cannot be read: \(error)")
        }
    }

    deinit { group.shutdownGracefully { _ in } }

    /// Sends a request and waits for its whole answer, whatever its status is.
    package func send(_ request: TransferRequest) throws(TransferError) -> TransferAnswer {
        if let kept = idle.withLock({ $0[request.url.origin]?.popLast() }) {
            // Its server may have closed it meanwhile: that says nothing of the request.
            do throws(TransferError) { return try exchange(request, kept) } catch {
                guard case .connection = error else { throw error }
            }
        }
        return try exchange(request, try connect(request.url.origin))
    }

    private func wait<Value: Sendable>(
        _ start: (EventLoopPromise<Value>) -> Void
    ) throws(TransferError) -> Value {
        let promise = group.next().makePromise(of: Value.self)
        let limit = limit
        // Failing it twice does nothing.
        let timer = group.next().scheduleTask(deadline: end) { promise.fail(TransferError.late(seconds: limit)) }
        start(promise)
        defer { timer.cancel() }
        return try transferring { try promise.futureResult.wait() }
    }

    private func exchange(_ request: TransferRequest, _ connection: Connection) throws(TransferError) -> TransferAnswer
    {
        do throws(TransferError) {
            let answer = try wait { promise in
                connection.channel.eventLoop.execute { Self.write(request, connection, promise) }
            }
            giveBack(connection, request.url.origin)
            return answer
        } catch {
            connection.channel.close(promise: nil)
            throw error
        }
    }

    private func giveBack(_ connection: Connection, _ origin: RegistryURL.Origin) {
        let reusable = connection.channel.eventLoop.submit {
            connection.handler.value.isReusable && connection.channel.isActive
        }
        guard (try? reusable.wait()) == true else { return connection.channel.close(promise: nil) }
        idle.withLock { $0[origin, default: []].append(connection) }
    }

    /// On the event loop.
    private static func write(
        _ request: TransferRequest, _ connection: Connection, _ promise: EventLoopPromise<TransferAnswer>
    ) {
        let channel = connection.channel
        guard channel.isActive else {
            let server = request.url.origin.description
            return promise.fail(TransferError.connection(server: server, reason: "it closed the connection"))
        }
        connection.handler.value.expect(atMost: request.maxAnswer, promise)
        var headers = HTTPHeaders([
            ("Host", request.url.origin.authority), ("User-Agent", "czone"), ("Accept-Encoding", "identity"),
        ])
        headers.add(contentsOf: HTTPHeaders(request.headers))
        if !request.body.isEmpty || [.POST, .PUT].contains(request.method) {
            headers.replaceOrAdd(name: "Content-Length", value: "\(request.body.count)")
        }
        let head = HTTPRequestHead(version: .http1_1, method: request.method, uri: request.url.path, headers: headers)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        for start in stride(from: 0, to: request.body.count, by: pieceSize) {
            let piece = request.body[start..<min(start + pieceSize, request.body.count)]
            channel.write(
                HTTPClientRequestPart.body(.byteBuffer(channel.allocator.buffer(bytes: piece))), promise: nil)
        }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }

    private func connect(_ origin: RegistryURL.Origin) throws(TransferError) -> Connection {
        let (tls, silence) = (tls, silence)
        let isAddress = (try? SocketAddress(ipAddress: origin.host, port: 0)) != nil
        let bootstrap = ClientBootstrap(group: group)
            .connectTimeout(Self.connectTimeout)
            .channelOption(.tcpOption(.tcp_nodelay), value: 1)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    if origin.isSecure {
                        // Certificates name an address among their addresses, and it is not sent as a name.
                        let name = isAddress ? nil : origin.host
                        try pipeline.addHandler(try NIOSSLClientHandler(context: tls, serverHostname: name))
                    }
                    try pipeline.addHandler(IdleStateHandler(allTimeout: silence))
                    try pipeline.addHTTPClientHandlers()
                    try pipeline.addHandler(AnswerHandler(server: origin.description, silence: silence))
                }
            }
        do throws(TransferError) {
            return try wait { (promise: EventLoopPromise<Connection>) in
                bootstrap.connect(host: origin.host, port: origin.port).flatMapThrowing { channel in
                    let handler = try channel.pipeline.syncOperations.handler(type: AnswerHandler.self)
                    return Connection(channel: channel, handler: NIOLoopBound(handler, eventLoop: channel.eventLoop))
                }.cascade(to: promise)
            }
        } catch {
            guard case .invalid(let reason) = error else { throw error }
            throw .connection(server: origin.description, reason: reason)
        }
    }
}
