import ContainerdAPI
import FoundationEssentials
import NIOCore
public import NIOPosix
import SwiftProtobuf

/// A client's connection to a ttrpc server. Any number of calls may be under way.
public final class Client: Sendable {
    private let channel: any Channel

    private init(_ channel: any Channel) { self.channel = channel }

    /// Connects to a unix socket.
    public static func connect(to path: String, group: MultiThreadedEventLoopGroup) async throws -> Client {
        let channel = try await ClientBootstrap(group: group)
            .connectTimeout(.seconds(5))
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    try channel.passFrames()
                    try channel.pipeline.syncOperations.addHandler(CallHandler())
                }
            }
            .connect(unixDomainSocketPath: path).get()
        return Client(channel)
    }

    /// Calls a method; its answer's payload.
    ///
    /// `milliseconds`: how long it may take; the server gets it too, and nobody waits longer.
    /// - Throws: the `Status` that the server answers; `unavailable` when the connection is lost.
    public func call(
        _ service: String, _ method: String, payload: [UInt8], within milliseconds: Int64? = nil
    ) async throws -> [UInt8] {
        var request = Ttrpc_Request()
        request.service = service
        request.method = method
        request.payload = Data(payload)
        request.timeoutNano = (milliseconds ?? 0) * 1_000_000
        let promise = channel.eventLoop.makePromise(of: [UInt8].self)
        let call = CallHandler.Call(
            payload: try Array(request.serializedData()), timeout: milliseconds.map { .milliseconds($0) },
            promise: promise)
        channel.writeAndFlush(call).cascadeFailure(to: promise)
        let answer = try await promise.futureResult.get()
        let response = try Ttrpc_Response(serializedBytes: answer)
        if response.hasStatus, response.status.code != 0 {
            throw Status(Status.Code(rawValue: response.status.code) ?? .unknown, response.status.message)
        }
        return Array(response.payload)
    }

    public var isOpen: Bool { channel.isActive }

    public func close() async { try? await channel.close().get() }
}

/// Gives each call its stream, and each answer to its call. On the channel's event loop.
private final class CallHandler: ChannelDuplexHandler {
    struct Call: Sendable {
        let payload: [UInt8]
        let timeout: TimeAmount?
        let promise: EventLoopPromise<[UInt8]>
    }

    typealias InboundIn = CallFrame
    typealias OutboundIn = Call
    typealias OutboundOut = CallFrame

    private var nextStream: UInt32 = 1
    private var waiting: [UInt32: (promise: EventLoopPromise<[UInt8]>, timer: Scheduled<Void>?)] = [:]

    func write(context: ChannelHandlerContext, data: NIOAny, promise: EventLoopPromise<Void>?) {
        let call = unwrapOutboundIn(data)
        let stream = nextStream
        nextStream &+= 2
        let this = NIOLoopBound(self, eventLoop: context.eventLoop)
        let timer = call.timeout.map { timeout in
            context.eventLoop.scheduleTask(in: timeout) {
                this.value.end(
                    stream,
                    .failure(Status(.deadlineExceeded, "no answer within \(timeout.nanoseconds / 1_000_000) ms")))
            }
        }
        waiting[stream] = (call.promise, timer)
        context.write(
            wrapOutboundOut(CallFrame(stream: stream, kind: .request, payload: call.payload)), promise: promise)
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        let frame = unwrapInboundIn(data)
        // An answer whose call has given up finds nobody.
        if frame.kind == .response { end(frame.stream, .success(frame.payload)) }
    }

    func channelInactive(context: ChannelHandlerContext) {
        for stream in Array(waiting.keys) { end(stream, .failure(Status(.unavailable, "the connection was closed"))) }
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // The peer speaks something else; channelInactive fails the calls.
        context.close(promise: nil)
    }

    private func end(_ stream: UInt32, _ result: Result<[UInt8], any Error>) {
        guard let (promise, timer) = waiting.removeValue(forKey: stream) else { return }
        timer?.cancel()
        promise.completeWith(result)
    }
}
