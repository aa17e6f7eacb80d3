import ControlProtocol
import AgentProtocol
import LinuxSystem
import NIOCore
import NIOPosix
import Runtime
import Synchronization
import TTRPC

/// A control connection to a VM whose answers arrive by themselves.
final class MachineConnection: Sendable {
    /// Gets every answer to a request; nil, once, when the connection has ended.
    typealias Listener = @Sendable (ControlReply?) -> Void

    private struct State {
        var listeners: [UInt32: Listener] = [:]
        /// Above those of the connection's blocking beginning.
        var nextRequest: UInt32 = 1 << 16
        var isOpen = true
    }

    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)

    private init() {}

    /// Takes a connection over on which a request has been sent: its further answers go to the listener.
    static func adopt(
        _ begun: BegunConversation, group: MultiThreadedEventLoopGroup, listener: @escaping Listener
    ) async throws -> MachineConnection {
        let connection = MachineConnection()
        connection.state.withLock { $0.listeners[begun.request] = listener }
        let socket = try begun.socket.duplicateToGiveAway()
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = ReplyHandler(begun.decoder) {
                        connection.deliver($0)
                    } onEnd: {
                        connection.end()
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .withConnectedSocket(socket).get()
        connection.channel.withLock { $0 = channel }
        return connection
    }

    /// Sends a request; every answer goes to the listener.
    func send(_ request: ControlRequest, listener: @escaping Listener) throws {
        let number = state.withLock { state -> UInt32? in
            guard state.isOpen else { return nil }
            state.nextRequest += 1
            state.listeners[state.nextRequest] = listener
            return state.nextRequest
        }
        guard let number, let channel = channel.withLock({ $0 }) else { return listener(nil) }
        do {
            let bytes = try ControlFrame(request: number, content: request).bytes()
            channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        } catch {
            state.withLock { $0.listeners[number] = nil }
            throw error
        }
    }

    /// Sends a request that has one answer.
    /// - Throws: `RuntimeError.refused`; `unavailable` when the VM has gone.
    func ask(_ request: ControlRequest) async throws -> ControlReply {
        let reply: ControlReply? = try await withCheckedThrowingContinuation { continuation in
            let once = Mutex<CheckedContinuation<ControlReply?, any Error>?>(continuation)
            do {
                try send(request) { reply in once.withLock { $0.take() }?.resume(returning: reply) }
            } catch {
                once.withLock { $0.take() }?.resume(throwing: error)
            }
        }
        guard let reply else { throw Status(.unavailable, "the VM has ended") }
        if case .refused(let refusal) = reply { throw RuntimeError.refused(refusal) }
        return reply
    }

    func close() { channel.withLock { $0 }?.close(promise: nil) }

    private func deliver(_ frame: ControlFrame<ControlReply>) {
        state.withLock { $0.listeners[frame.request] }?(frame.content)
    }

    private func end() {
        let listeners = state.withLock { state in
            state.isOpen = false
            defer { state.listeners = [:] }
            return Array(state.listeners.values)
        }
        for listener in listeners { listener(nil) }
    }
}

/// A connection on which a request was sent with its descriptors, by the blocking calls that those need.
struct BegunConversation: Sendable {
    let socket: OwnedDescriptor
    /// The number that the request's answers bear.
    let request: UInt32
    /// Holds what has come already.
    let decoder: ControlFrameDecoder<ControlReply>

    init(_ connection: ControlConnection, request: UInt32) {
        socket = connection.socket
        self.request = request
        decoder = connection.decoder
    }
}

/// Cuts bytes into answers. On the channel's event loop.
private final class ReplyHandler: ChannelInboundHandler {
    typealias InboundIn = ByteBuffer

    private var decoder: ControlFrameDecoder<ControlReply>
    private let onReply: (ControlFrame<ControlReply>) -> Void
    private let onEnd: () -> Void

    init(
        _ decoder: ControlFrameDecoder<ControlReply>, onReply: @escaping (ControlFrame<ControlReply>) -> Void,
        onEnd: @escaping () -> Void
    ) {
        self.decoder = decoder
        self.onReply = onReply
        self.onEnd = onEnd
    }

    func channelActive(context: ChannelHandlerContext) { drain(context) }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        decoder.append(unwrapInboundIn(data).readableBytesView)
        drain(context)
    }

    private func drain(_ context: ChannelHandlerContext) {
        do {
            while let frame = try decoder.next() { onReply(frame) }
        } catch {
            Log.tell(.error, "a VM's answer makes no sense: \(error)")
            context.close(promise: nil)
        }
    }

    func channelInactive(context: ChannelHandlerContext) {
        onEnd()
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        // A VM that is killed resets the connection; channelInactive follows.
        context.close(promise: nil)
    }
}
