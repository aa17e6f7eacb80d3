import AgentProtocol
import LinuxSystem
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

@testable import Gateway

/// Stands for containers: servers in this process, reached by socket pairs as the real ones are.
final class LocalStarter: ContainerStarting {
    let group: MultiThreadedEventLoopGroup
    private let log: ServerLog
    private let failure: String?
    /// Starts whose VM is lost, before one succeeds.
    private let losses: Int

    /// - Parameter failure: why none can be started; nil: all can.
    init(_ group: MultiThreadedEventLoopGroup, _ log: ServerLog, failure: String? = nil, losses: Int = 0) {
        self.losses = losses
        self.group = group
        self.log = log
        self.failure = failure
    }

    func start(_ container: FunctionContainer) -> EventLoopFuture<EventLoopFuture<String>> {
        let eventLoop = group.next()
        log.note("start")
        if let failure { return eventLoop.makeFailedFuture(GatewayError.noContainer(failure)) }
        let link = LocalLink(group, log, isCutOff: log.count("start") <= losses)
        container.note(link, machine: "local", zoneSizeInBytes: 128 << 20)
        if link.isCutOff { return eventLoop.makeFailedFuture(GatewayError.containerEnded("lost")) }
        return eventLoop.makeSucceededFuture(link.ended.futureResult)
    }
}

/// What the servers of a test have seen, in its order.
final class ServerLog: Sendable {
    private let lines = Mutex<[String]>([])
    let bytes = Atomic(0)

    func note(_ line: String) { lines.withLock { $0.append(line) } }
    var all: [String] { lines.withLock { $0 } }
    func count(_ line: String) -> Int { all.count { $0 == line } }
}

final class LocalLink: ContainerLink {
    private let group: MultiThreadedEventLoopGroup
    private let log: ServerLog
    private let channels = Mutex<[any Channel]>([])
    private let isClosed = Atomic(false)
    let ended: EventLoopPromise<String>
    let isCutOff: Bool

    init(_ group: MultiThreadedEventLoopGroup, _ log: ServerLog, isCutOff: Bool = false) {
        self.isCutOff = isCutOff
        self.group = group
        self.log = log
        ended = group.next().makePromise()
    }

    func setPaused(_ isPaused: Bool, of container: String) -> EventLoopFuture<Void> {
        log.note(isPaused ? "pause" : "resume")
        return group.next().makeSucceededVoidFuture()
    }

    func relay(
        port: UInt16, opening: RelayConnection.Opening, of container: String, withinMilliseconds limit: UInt32
    ) throws -> (near: OwnedDescriptor, answer: EventLoopFuture<Void>) {
        guard !isClosed.load(ordering: .relaxed) else { throw GatewayError.containerEnded("closed") }
        let (near, far) = try UnixSocket.pair()
        log.note("connect")
        let answer = ClientBootstrap(group: group)
            .channelInitializer { [log] channel in
                channel.eventLoop.makeCompletedFuture {
                    let pipeline = channel.pipeline.syncOperations
                    try pipeline.configureHTTPServerPipeline(withErrorHandling: true)
                    try pipeline.addHandler(TestServer(log))
                }
            }
            .withConnectedSocket(try far.duplicateToGiveAway())
            .map { [self] channel in channels.withLock { $0.append(channel) } }
        return (near, answer)
    }

    func close() {
        guard isClosed.compareExchange(expected: false, desired: true, ordering: .relaxed).exchanged else { return }
        log.note("end")
        for channel in channels.withLock({ $0 }) { channel.close(promise: nil) }
        ended.succeed("closed")
    }
}

/// Answers by the request's path.
private final class TestServer: ChannelInboundHandler {
    typealias InboundIn = HTTPServerRequestPart
    typealias OutboundOut = HTTPServerResponsePart

    private let log: ServerLog
    private var path = ""
    private var body = ByteBuffer()

    init(_ log: ServerLog) { self.log = log }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        switch unwrapInboundIn(data) {
        case .head(let head):
            path = head.uri
            body.clear()
            log.note("\(head.method) \(head.uri)")
        case .body(var bytes):
            log.bytes.add(bytes.readableBytes, ordering: .relaxed)
            if path == "/swallow-nothing" {
                return context.channel.setOption(.autoRead, value: false).whenComplete { _ in }
            }
            if path != "/count" { body.writeBuffer(&bytes) }
        case .end: serve(context)
        }
    }

    private func serve(_ context: ChannelHandlerContext) {
        switch path {
        case "/close": context.close(promise: nil)
        case "/silent": break
        case "/half":
            head(context, [("Content-Length", "100")])
            context.write(wrapOutboundOut(.body(.byteBuffer(ByteBuffer(string: "half")))), promise: nil)
            context.flush()
            context.close(promise: nil)
        case "/endless":
            head(context, [])
            more(context)
        case "/length":
            head(context, [("Content-Length", "5")])
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        default:
            let answer = path == "/count" ? ByteBuffer(string: "counted") : body
            head(context, [("Content-Length", "\(answer.readableBytes)")])
            context.write(wrapOutboundOut(.body(.byteBuffer(answer))), promise: nil)
            context.writeAndFlush(wrapOutboundOut(.end(nil)), promise: nil)
        }
    }

    private func head(_ context: ChannelHandlerContext, _ headers: [(String, String)]) {
        let head = HTTPResponseHead(version: .http1_1, status: .ok, headers: HTTPHeaders(headers))
        context.write(wrapOutboundOut(.head(head)), promise: nil)
    }

    /// As much as the reader takes.
    private func more(_ context: ChannelHandlerContext) {
        while context.channel.isActive, context.channel.isWritable {
            log.bytes.add(65536, ordering: .relaxed)
            context.writeAndFlush(
                wrapOutboundOut(.body(.byteBuffer(ByteBuffer(repeating: 1, count: 65536)))), promise: nil)
        }
    }

    func channelWritabilityChanged(context: ChannelHandlerContext) {
        if path == "/endless" { more(context) }
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) { context.close(promise: nil) }
}
