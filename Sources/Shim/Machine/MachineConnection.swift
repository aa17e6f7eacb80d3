import ControlChannel
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
/// does not wait for one is dropped, and one that makes no sense ends the connection, and what was begun on it.
final class MachineConnection: Sendable {
    /// Answers to the request that began the conversation: that it was done, and its process's end.
    private static let maxAnswers = 2

    private struct State {
        /// Gets the answers to the request that began the conversation.
        var begun: AsyncStream<ControlReply>.Continuation?
        var answersLeft = MachineConnection.maxAnswers
        var waiting: [UInt32: CheckedContinuation<ControlReply, any Error>] = [:]
        /// How long each is waited for; 0 is the first answer to the request that began the conversation.
        var watches: [UInt32: AnswerWatch] = [:]
        /// Why nobody waits for that any more.
        var silence: RuntimeError?
        /// Above the numbers of requests that were sent before the connection was adopted.
        var nextRequest: UInt32 = 1 << 16
        var isOpen = true
    }

    private let begunRequest: UInt32
    /// The VM's id, for messages.
    private let machine: String
    private let timeouts: ControlTimeouts
    private let state: Mutex<State>
    private let channel = Mutex<(any Channel)?>(nil)

    private init(_ begun: BegunConversation, _ answers: AsyncStream<ControlReply>.Continuation) {
        begunRequest = begun.request
        machine = begun.machine
        timeouts = begun.timeouts
        state = Mutex(State(begun: answers))
    }

    /// Takes a connection over on which a request has been sent.
    /// - Returns: the connection, and the request's further answers until it ends.
    static func adopt(
        _ begun: BegunConversation, group: MultiThreadedEventLoopGroup
    ) async throws -> (MachineConnection, AsyncStream<ControlReply>) {
        let (answers, sink) = AsyncStream.makeStream(of: ControlReply.self)
        let connection = MachineConnection(begun, sink)
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

    /// The first answer to the request that began the conversation; nil when its connection has ended.
    /// - Throws: `RuntimeError.silent` when the VM does not answer (`AnswerWatch`).
    func first(of answers: AsyncStream<ControlReply>) async throws -> ControlReply? {
        try watch(Self.begunNumber)
        defer { unwatch(Self.begunNumber) }
        var iterator = answers.makeAsyncIterator()
        let answer = await iterator.next()
        if answer == nil, let silence = state.withLock(\.silence) { throw silence }
        return answer
    }

    /// Sends a request that has one answer.
    /// - Throws: `RuntimeError.refused`; `unavailable` when the VM has gone, `RuntimeError.silent` when it does not answer
    ///   (`AnswerWatch`).
    @discardableResult
    func ask(_ request: ControlRequest, withinMilliseconds limit: CInt? = nil) async throws -> ControlReply {
        let number = newNumber()
        guard let channel = channel.withLock({ $0 }) else { throw Self.gone }
        try watch(number, withinMilliseconds: limit)
        defer { unwatch(number) }
        let reply = try await withTaskCancellationHandler {
            try await withCheckedThrowingContinuation { begin(request, number, $0, on: channel) }
        } onCancel: {
            fail(number, CancellationError())
        }
        if case .refused(let refusal) = reply { throw RuntimeError.refused(refusal) }
        return reply
    }

    /// In `watches`, for the request that began the conversation: no request of ours has it.
    private static let begunNumber: UInt32 = 0

    private func newNumber() -> UInt32 {
        state.withLock { state in
            state.nextRequest = state.nextRequest == .max ? 1 << 16 : state.nextRequest + 1
            return state.nextRequest
        }
    }

    private func watch(_ number: UInt32, withinMilliseconds limit: CInt? = nil) throws {
        guard let loop = channel.withLock({ $0 })?.eventLoop else { throw Self.gone }
        let watch = AnswerWatch(timeouts, withinMilliseconds: limit)
        state.withLock { $0.watches[number] = watch }
        // Not a Task that sleeps: one that is cancelled keeps its timer, and what that holds, until its time has come.
        check(number, on: loop, after: watch.patience)
    }

    private func unwatch(_ number: UInt32) { state.withLock { $0.watches[number] = nil } }

    /// Looks after an answer that is waited for, again and again until it is not.
    private func check(_ number: UInt32, on loop: any NIOCore.EventLoop, after milliseconds: CInt) {
        // Weakly: a timer that is left over holds nothing.
        loop.scheduleTask(in: .milliseconds(Int64(milliseconds))) { [weak self] in
            guard let self else { return }
            let checked = state.withLock { state in
                let verdict = state.watches[number]?.check()
                return verdict.map { ($0, state.watches[number]?.patience ?? 0) }
            }
            guard let (verdict, patience) = checked else { return }
            switch verdict {
            case .wait: break
            case .probe:
                // Its answer finds nobody, but is heard.
                if let bytes = try? ControlFrame(
                    request: newNumber(), content: ControlRequest.describe(measured: false)
                ).bytes() {
                    channel.withLock { $0 }?.writeAndFlush(ByteBuffer(bytes: bytes), promise: nil)
                }
            case .silent(let milliseconds): return fallSilent(number, .silent(id: machine, milliseconds: milliseconds))
            }
            check(number, on: loop, after: max(1, patience))
        }
    }

    private func fallSilent(_ number: UInt32, _ error: RuntimeError) {
        guard number == Self.begunNumber else { return fail(number, error) }
        let begun = state.withLock { state in
            state.silence = error
            defer { state.begun = nil }
            return state.begun
        }
        begun?.finish()
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
        state.withLock { state in for number in state.watches.keys { state.watches[number]?.heard() } }
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
    /// The VM's id.
    let machine: String
    let timeouts: ControlTimeouts
    /// Holds what has come already.
    let decoder: ControlFrameDecoder<ControlReply>

    init(_ connection: ControlConnection, request: UInt32) {
        socket = connection.socket
        self.request = request
        machine = connection.machine
        timeouts = connection.timeouts
        decoder = connection.decoder
    }
}
