import FabricPolicies
import HTTPExchange
import NIOCore
import NIOHTTP1
import NIOPosix
import NIOSSL
import SandboxProtocol
import Synchronization

/// Makes handlers' external calls: connections to the origins that functions' definitions name, kept for the next call. Any
/// thread may use it.
final class OriginClient: Sendable {
    /// Why a call gets no answer, for the function's log.
    struct Failure: Error, CustomStringConvertible {
        let description: String
    }

    /// The host's resolver has limits of its own; no call waits longer than its own limit for it.
    private let threads = NIOThreadPool(numberOfThreads: 2)
    private let connections = ServerConnections<FabricPolicy.Endpoint>(connectTimeout: .seconds(5))
    private let secure: NIOSSLContext?
    /// For tests, whose origins are on the loopback interface.
    private let reachesHost: Bool
    /// How long a call may take, in seconds.
    let patienceInSeconds: Int64

    init(reachesHost: Bool = false, patienceInSeconds: Int64 = 10) {
        self.reachesHost = reachesHost
        self.patienceInSeconds = patienceInSeconds
        threads.start()
        secure = try? NIOSSLContext.forServers()
    }

    func close() {
        connections.close()
        threads.shutdownGracefully { _ in }
    }

    /// The origin of an address that has scheme, host and port written as a definition's; and what is asked of it.
    static func target(of url: String) -> (origin: FabricPolicy.Endpoint, path: String)? {
        guard let scheme = url.firstRange(of: "://") else { return nil }
        let rest = url[scheme.upperBound...]
        let authority = rest.prefix { !"/?#".contains($0) }
        guard let origin = FabricPolicy.Endpoint("\(url[..<scheme.upperBound])\(authority.lowercased())") else {
            return nil
        }
        let path = rest.dropFirst(authority.count).prefix { $0 != "#" }
        return (origin, path.hasPrefix("/") ? String(path) : "/" + path)
    }

    func idle(_ origin: FabricPolicy.Endpoint, on eventLoop: any NIOCore.EventLoop) -> (any Channel)? {
        connections.take(origin, on: eventLoop)
    }

    func giveBack(_ channel: any Channel, _ origin: FabricPolicy.Endpoint) { connections.giveBack(channel, origin) }

    /// A new connection, to no address at which only the host itself, its wire or its provider answers.
    func connect(
        _ origin: FabricPolicy.Endpoint, on eventLoop: any NIOCore.EventLoop
    ) -> EventLoopFuture<any Channel> {
        threads.runIfActive(eventLoop: eventLoop) {
            try SocketAddress.makeAddressResolvingHost(origin.host, port: Int(origin.port))
        }.flatMapThrowing { [reachesHost] address in
            guard let numbers = address.ipAddress.flatMap({ IPAddress($0) }), !numbers.isOfHostAlone || reachesHost
            else {
                throw Failure(
                    description:
                        "\(origin.host) is at \(address.ipAddress ?? "no address"), which no function may reach")
            }
            return address
        }.flatMapThrowing { [self] address in (address, try security(of: origin)) }
            .flatMap { [self] address, security in
                connections.connect(to: origin, at: address, on: eventLoop, security)
            }
    }

    private func security(
        of origin: FabricPolicy.Endpoint
    ) throws -> ServerConnections<FabricPolicy.Endpoint>.Security? {
        guard origin.isSecure else { return nil }
        guard let secure else { throw Failure(description: "there are no authorities for TLS") }
        return .init(secure, serverName: IPAddress(origin.host) == nil ? origin.host : nil)
    }
}

/// One external call, from its request to the whole of its answer. On one event loop; it keeps itself until it is over.
final class CallExchange: BackOwner {
    /// How large an answer's body may be.
    static let maxBody = 1 << 20
    private static let maxHeaderBytes = 64 << 10

    private let client: OriginClient
    private let call: ExternalCall
    private let origin: FabricPolicy.Endpoint
    private let path: String
    private let eventLoop: any NIOCore.EventLoop
    private var onEnd: ((ExternalAnswer, String?) -> Void)?
    private var channel: (any Channel)?
    private var handler: BackHandler?
    private var isReused = false
    private var keepsAlive = true
    private var answer = ExternalAnswer.failed
    private var timer: Scheduled<Void>?

    /// - Parameter onEnd: called once, with the answer and, where it has failed, why.
    init(
        _ client: OriginClient, _ call: ExternalCall, to origin: FabricPolicy.Endpoint, _ path: String,
        on eventLoop: any NIOCore.EventLoop, onEnd: @escaping (ExternalAnswer, String?) -> Void
    ) {
        self.client = client
        self.call = call
        self.origin = origin
        self.path = path
        self.eventLoop = eventLoop
        self.onEnd = onEnd
    }

    func begin() {
        timer = eventLoop.assumeIsolated().scheduleTask(in: .seconds(client.patienceInSeconds)) { [self] in
            end("\(origin) has not answered within \(client.patienceInSeconds) s")
        }
        // A connection that was kept may have been closed meanwhile: only what may be asked twice goes over it.
        if call.method == "GET" || call.method == "HEAD", let kept = client.idle(origin, on: eventLoop) {
            isReused = true
            return send(over: kept)
        }
        connect()
    }

    private func connect() {
        isReused = false
        client.connect(origin, on: eventLoop).assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let channel): send(over: channel)
            case .failure(let error): end("\(origin) cannot be reached: \(error)")
            }
        }
    }

    private func send(over channel: any Channel) {
        guard onEnd != nil else { return client.giveBack(channel, origin) }
        guard let handler = try? channel.pipeline.syncOperations.handler(type: BackHandler.self), channel.isActive
        else { return isReused ? connect() : end("\(origin) has closed the connection") }
        handler.owner = self
        (self.channel, self.handler) = (channel, handler)
        channel.write(HTTPClientRequestPart.head(head), promise: nil)
        if let body = call.body {
            channel.write(HTTPClientRequestPart.body(.byteBuffer(ByteBuffer(string: body))), promise: nil)
        }
        channel.writeAndFlush(HTTPClientRequestPart.end(nil), promise: nil)
    }

    /// With what fetch adds by itself.
    private var head: HTTPRequestHead {
        var headers = HTTPHeaders(call.headers.sorted { $0.key < $1.key }.map { ($0.key, $0.value) }).passedOn
        headers.remove(name: "host")
        headers.remove(name: "content-length")
        // Nobody here unpacks it.
        headers.remove(name: "accept-encoding")
        headers.add(name: "host", value: origin.authority)
        for (name, value) in [("accept", "*/*"), ("user-agent", "node")] where !headers.contains(name: name) {
            headers.add(name: name, value: value)
        }
        if let body = call.body {
            headers.add(name: "content-length", value: "\(body.utf8.count)")
            if !headers.contains(name: "content-type") {
                headers.add(name: "content-type", value: "text/plain;charset=UTF-8")
            }
        } else if ["POST", "PUT", "PATCH"].contains(call.method) {
            headers.add(name: "content-length", value: "0")
        }
        return HTTPRequestHead(version: .http1_1, method: .init(rawValue: call.method), uri: path, headers: headers)
    }

    // MARK: The answer

    var takesAnswer: Bool { true }
    func backHasNoMore() {}
    func backBecameWritable() {}

    func backReceived(_ part: HTTPClientResponsePart) {
        switch part {
        case .head(let head):
            guard head.status.code >= 200 else { return }
            keepsAlive = head.isKeepAlive
            answer.status = Int(head.status.code)
            for (name, value) in head.headers.passedOn {
                let name = name.lowercased()
                answer.headers[name] = answer.headers[name].map { "\($0), \(value)" } ?? value
            }
            let size = answer.headers.reduce(0) { $0 + $1.key.utf8.count + $1.value.utf8.count }
            if size > Self.maxHeaderBytes { end("\(origin) has answered with \(size) bytes of headers") }
        case .body(let bytes):
            answer.body += bytes.readableBytesView
            if answer.body.count > Self.maxBody {
                end("\(origin) has answered with more than \(Self.maxBody) bytes")
            }
        case .end: end(nil)
        }
    }

    func backEnded() {
        (channel, handler) = (nil, nil)
        // Nothing has come over a connection that was kept: it was closed before it had the request, or it may be asked again.
        if isReused, answer.status == 0 { return connect() }
        end("\(origin) has broken its answer off")
    }

    private func end(_ failure: String?) {
        guard let onEnd else { return }
        self.onEnd = nil
        timer?.cancel()
        handler?.owner = nil
        if let channel {
            if failure == nil, keepsAlive { client.giveBack(channel, origin) } else { channel.close(promise: nil) }
        }
        (channel, handler) = (nil, nil)
        onEnd(failure == nil ? answer : .failed, failure)
    }
}
