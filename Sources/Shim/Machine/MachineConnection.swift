import ControlProtocol
import AgentProtocol
import LinuxSystem
import NIOCore
import NIOPosix
import Runtime
import Synchronization
import TTRPC

/// A control connection to a VM whose answers arrive by themselves.
///
/// What the VM answers is taken for what was asked on this connection and for nothing else: an answer to a request that
/// does not wait for one finds nobody, and one that makes no sense ends the connection, and what was begun on it.
final class MachineConnection: Sendable {
    /// Longer than the VM's own patience with its guest.
    static let patience = Duration.seconds(120)
    /// Answers to the request that began the conversation: that it was done, and its process's end.
    private static let mostAnswers = 2

    private struct State {
        /// Gets the answers to the request that began the conversation.
        var begun: AsyncStream<ControlReply>.Continuation?
        var answersLeft = MachineConnection.mostAnswers
        var waiting: [UInt32: CheckedContinuation<ControlReply, any Error>] = [:]
        /// Above those of the connection's blocking beginning.
        var nextRequest: UInt32 = 1 << 16
        var isOpen = true
    }

    private let begunRequest: UInt32
    private let state: Mutex<State>
    private let channel = Mutex<(any Channel)?>(nil)

    private init(_ request: UInt32, _ answers: AsyncStream<ControlReply>.Continuation) {
        begunRequest = request
        state = Mutex(State(begun: answers))
    }

    /// Takes a connection over on which a request has been sent.
    /// - Returns: the connection, and the request's further answers until it ends.
    static func adopt(
        _ begun: BegunConversation, group: MultiThreadedEventLoopGroup
    ) async throws -> (MachineConnection, AsyncStream<ControlReply>) {
        let (answers, sink) = AsyncStream.makeStream(of: ControlReply.self)
        let connection = MachineConnection(begun.request, sink)
        let socket = try begun.socket.duplicateToGiveAway()
        let channel = try await ClientBootstrap(group: group)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = ReplyHandler(begun.decoder) {
                        try connection.deliver($0)
                    } onEnd: {
                        connection.end()
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .withConnectedSocket(socket).get()
        connection.channel.withLock { $0 = channel }
        return (connection, answers)
    }

    /// Sends a request that has one answer.
    /// - Throws: `RuntimeError.refused`; `unavailable` when the VM has gone, `deadlineExceeded` when it does not answer.
    @discardableResult
    func ask(_ request: ControlRequest, within patience: Duration = patience) async throws -> ControlReply {
        let number = state.withLock { state in
            state.nextRequest = state.nextRequest == .max ? 1 << 16 : state.nextRequest + 1
            return state.nextRequest
        }
        guard let channel = channel.withLock({ $0 }) else { throw Self.gone }
        // Not a Task that sleeps: one that is cancelled keeps its timer, and what that holds, until its time has come.
        let clock = channel.eventLoop.scheduleTask(in: TimeAmount(patience)) { [self] in
            fail(number, Status(.deadlineExceeded, "the VM has not answered within \(patience.components.seconds) s"))
        }
        defer { clock.cancel() }
        let reply = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { begin(request, number, $0, on: channel) }
        } onCancel: {
            fail(number, CancellationError())
        }
        if case .refused(let refusal) = reply { throw RuntimeError.refused(refusal) }
        return reply
    }

    private func begin(
        _ request: ControlRequest, _ number: UInt32, _ waiter: CheckedContinuation<ControlReply, any Error>,
        on channel: any Channel
    ) {
        let isOpen = state.withLock { state in
            if state.isOpen { state.waiting[number] = waiter }
            return state.isOpen
        }
        guard isOpen else { return waiter.resume(throwing: Self.gone) }
        // It may have been cancelled before anybody waited.
        if Task.isCancelled { return fail(number, CancellationError()) }
        do {
            let bytes = try ControlFrame(request: number, content: request).bytes()
            channel.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
        } catch {
            fail(number, Status(.invalidArgument, "cannot ask the VM: \(error)"))
        }
    }

    private static var gone: Status { Status(.unavailable, "the VM has ended") }

    private func fail(_ number: UInt32, _ error: any Error) {
        state.withLock { $0.waiting.removeValue(forKey: number) }?.resume(throwing: error)
    }

    func close() { channel.withLock { $0 }?.close(promise: nil) }

    private func deliver(_ frame: ControlFrame<ControlReply>) throws(TooManyAnswers) {
        guard frame.request == begunRequest else {
            // One that gave up waiting has none.
            state.withLock { $0.waiting.removeValue(forKey: frame.request) }?.resume(returning: frame.content)
            return
        }
        let mayAnswer = state.withLock { state in
            state.answersLeft -= 1
            return state.answersLeft >= 0
        }
        guard mayAnswer else { throw TooManyAnswers() }
        state.withLock { $0.begun }?.yield(frame.content)
    }

    private func end() {
        let (begun, waiting) = state.withLock { state in
            state.isOpen = false
            defer { (state.begun, state.waiting) = (nil, [:]) }
            return (state.begun, state.waiting)
        }
        for waiter in waiting.values { waiter.resume(throwing: Self.gone) }
        begun?.finish()
    }
}

/// A VM goes on answering what it has answered.
private struct TooManyAnswers: Error, CustomStringConvertible {
    let description = "a request was answered again and again"
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
    private let onReply: (ControlFrame<ControlReply>) throws -> Void
    private let onEnd: () -> Void

    init(
        _ decoder: ControlFrameDecoder<ControlReply>, onReply: @escaping (ControlFrame<ControlReply>) throws -> Void,
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
            while let frame = try decoder.next() { try onReply(frame) }
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
