import AgentProtocol
import ControlChannel
import ControlProtocol
import LinuxSystem
import NIOCore
import NIOPosix
import Runtime
import Synchronization

/// What holds a container, and reaches into it. Any thread may use it; futures are of any event loop.
protocol ContainerLink: Sendable {
    /// Freezes its processes, or lets them go on.
    func setPaused(_ isPaused: Bool, of container: String) -> EventLoopFuture<Void>
    /// A stream to a port of the container's loopback, and when something there has taken it, or can.
    func relay(
        port: UInt16, opening: RelayConnection.Opening, of container: String, withinMilliseconds limit: UInt32
    ) throws -> (near: OwnedDescriptor, answer: EventLoopFuture<Void>)
    /// Ends the container, if it has not ended.
    func close()
    /// Its VM is gone, and has not said that the container has ended.
    var isCutOff: Bool { get }
}

/// The control connection by which a container was run: it ends with it. Requests may be made on any thread; answers
/// arrive on the connection's event loop.
///
/// Requests are sent past SwiftNIO, which passes no descriptors: each is far smaller than the socket's buffer, and goes
/// whole or not at all.
final class ContainerConnection: ContainerLink {
    /// How long a VM has for an answer that its guest takes part in.
    static let patience = TimeAmount.milliseconds(Int64(ControlTimeouts.standard.answer))

    private struct State {
        var waiting: [UInt32: EventLoopPromise<ControlReply>] = [:]
        /// Above those of the connection's blocking beginning.
        var nextRequest: UInt32 = 1 << 16
        var isOpen = true
        var isCutOff = false
    }

    let eventLoop: any NIOCore.EventLoop
    private let socket: OwnedDescriptor
    private let begunRequest: UInt32
    /// Called when its zone has grown or shrunk, with what is plugged in bytes.
    private let onZoneSize: @Sendable (UInt64) -> Void
    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)
    private let first: EventLoopPromise<ControlReply>
    private let end: EventLoopPromise<String>

    /// The first answer to the request that began the conversation, or why there is none.
    var beginning: EventLoopFuture<ControlReply> { first.futureResult }
    /// Why the container has ended; never fails.
    var ended: EventLoopFuture<String> { end.futureResult }

    private init(
        _ placed: ControlConnection, request: UInt32, on eventLoop: any NIOCore.EventLoop,
        _ onZoneSize: @escaping @Sendable (UInt64) -> Void
    ) {
        self.onZoneSize = onZoneSize
        self.eventLoop = eventLoop
        socket = placed.socket
        begunRequest = request
        first = eventLoop.makePromise()
        end = eventLoop.makePromise()
    }

    /// Takes a connection over on which a container was asked for.
    ///
    /// - Parameter onZoneSize: called on the event loop when its zone has grown or shrunk, with what is plugged in bytes.
    static func adopt(
        _ placed: ControlConnection, request: UInt32, on eventLoop: any NIOCore.EventLoop,
        onZoneSize: @escaping @Sendable (UInt64) -> Void
    ) throws -> ContainerConnection {
        let connection = ContainerConnection(placed, request: request, on: eventLoop, onZoneSize)
        let decoder = placed.decoder
        let copy = try placed.socket.duplicateToGiveAway()
        ClientBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = ReplyHandler(decoder) {
                        connection.deliver($0)
                    } onEnd: {
                        connection.finish("its connection has ended", isCutOff: true)
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .withConnectedSocket(copy)
            .whenComplete { result in
                switch result {
                case .success(let channel): connection.channel.withLock { $0 = channel }
                case .failure(let error): connection.finish("\(error)")
                }
            }
        return connection
    }

    /// Sends a request that has one answer; fails with `RuntimeError.refused`, with `GatewayError` where the VM has gone, or
    /// after `patience`.
    func ask(
        _ request: ControlRequest, descriptors: [OwnedDescriptor] = [], within patience: TimeAmount = patience
    ) -> EventLoopFuture<ControlReply> {
        let promise = eventLoop.makePromise(of: ControlReply.self)
        let number = state.withLock { state -> UInt32? in
            guard state.isOpen else { return nil }
            state.nextRequest = state.nextRequest == .max ? 1 << 16 : state.nextRequest + 1
            state.waiting[state.nextRequest] = promise
            return state.nextRequest
        }
        guard let number else {
            promise.fail(GatewayError.containerEnded("its VM has ended"))
            return promise.futureResult
        }
        do {
            try socket.send(ControlFrame(request: number, content: request).bytes(), descriptors: descriptors)
        } catch {
            take(number)?.fail(error)
            return promise.futureResult
        }
        let timer = eventLoop.scheduleTask(in: patience) { [weak self] in
            self?.take(number)?.fail(GatewayError.silent)
        }
        promise.futureResult.whenComplete { _ in timer.cancel() }
        return promise.futureResult.flatMapThrowing { reply in
            if case .refused(let refusal) = reply { throw RuntimeError.refused(refusal) }
            return reply
        }
    }

    func setPaused(_ isPaused: Bool, of container: String) -> EventLoopFuture<Void> {
        ask(.pause(container: container, paused: isPaused)).map { _ in }
    }

    func relay(
        port: UInt16, opening: RelayConnection.Opening, of container: String, withinMilliseconds limit: UInt32
    ) throws -> (near: OwnedDescriptor, answer: EventLoopFuture<Void>) {
        let (near, far) = try UnixSocket.pair()
        let request = RelayRequest(
            container: container, port: port, opening: opening, timeoutInMilliseconds: limit)
        let answer = ask(.relay(request), descriptors: [far], within: .milliseconds(Int64(limit) + 20_000))
        return (near, answer.map { _ in })
    }

    func close() {
        // The channel has a copy of the socket: its end alone would be no end for the VM, while this one is held.
        socket.endConnection()
        channel.withLock { $0 }?.close(promise: nil)
    }

    var isCutOff: Bool { state.withLock(\.isCutOff) }

    private func take(_ number: UInt32) -> EventLoopPromise<ControlReply>? {
        state.withLock { $0.waiting.removeValue(forKey: number) }
    }

    private func deliver(_ frame: ControlFrame<ControlReply>) {
        guard frame.request == begunRequest else {
            take(frame.request)?.succeed(frame.content)
            return
        }
        switch frame.content {
        case .exited(let record):
            finish(record.cause.isEmpty ? "it ended with \(record.code)" : record.cause)
        case .zoneResized(let sizeInBytes): onZoneSize(sizeInBytes)
        case .refused(let refusal):
            first.fail(RuntimeError.refused(refusal))
            finish(refusal.text)
        default: first.succeed(frame.content)
        }
    }

    private func finish(_ reason: String, isCutOff: Bool = false) {
        let waiting = state.withLock { state in
            if state.isOpen { state.isCutOff = isCutOff }
            state.isOpen = false
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        let error = GatewayError.containerEnded(reason)
        for promise in waiting { promise.fail(error) }
        first.fail(error)
        end.succeed(reason)
        close()
    }
}
