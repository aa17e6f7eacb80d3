public import AgentProtocol
public import ControlProtocol
public import LinuxSystem
public import NIOCore
import NIOPosix
import Synchronization

/// Why a VM gave no answer.
public enum ControlFailure: Error, Equatable {
    case refused(Refusal)
    /// Its connection has ended, and why.
    case ended(String)
    /// It has not answered in time.
    case silent
}

/// A client's end of a control connection, on SwiftNIO. Requests may be made on any thread; answers arrive on the
/// connection's event loop.
///
/// Requests are sent past SwiftNIO, which passes no descriptors: each is far smaller than the socket's buffer, and goes
/// whole or not at all.
public final class ControlClient: Sendable {
    private struct State {
        var waiting: [UInt32: EventLoopPromise<ControlReply>] = [:]
        /// Above the numbers of requests that were sent before the connection was adopted.
        var nextRequest: UInt32 = 1 << 16
        var isOpen = true
        var isCutOff = false
    }

    /// The agent's own limit of a relay is its connection attempt's; the way there and back comes on top, in milliseconds.
    private static let relayGrace: Int64 = 20_000

    public let eventLoop: any NIOCore.EventLoop
    private let socket: OwnedDescriptor
    private let state = Mutex(State())
    private let channel = Mutex<(any Channel)?>(nil)
    private let end: EventLoopPromise<String>

    /// Why the connection has ended; never fails.
    public var ended: EventLoopFuture<String> { end.futureResult }

    private init(_ socket: OwnedDescriptor, on eventLoop: any NIOCore.EventLoop) {
        self.eventLoop = eventLoop
        self.socket = socket
        end = eventLoop.makePromise()
    }

    /// Takes a connection over.
    ///
    /// - Parameters:
    ///   - socket: the connection.
    ///   - decoder: with what has come on it already.
    ///   - eventLoop: where answers arrive.
    ///   - onOther: takes answers that `ask` does not wait for, on the event loop.
    public static func adopt(
        _ socket: OwnedDescriptor, decoder: ControlFrameDecoder<ControlReply> = ControlFrameDecoder(),
        on eventLoop: any NIOCore.EventLoop,
        onOther: @escaping @Sendable (ControlFrame<ControlReply>) -> Void = { _ in }
    ) throws -> ControlClient {
        let client = ControlClient(socket, on: eventLoop)
        let copy = try socket.duplicateToGiveAway()
        ClientBootstrap(group: eventLoop)
            .channelInitializer { channel in
                channel.eventLoop.makeCompletedFuture {
                    let handler = ReplyHandler(decoder) { frame in
                        if let promise = client.take(frame.request) {
                            promise.succeed(frame.content)
                        } else {
                            onOther(frame)
                        }
                    } onEnd: {
                        client.finish("its connection has ended", isCutOff: true)
                    }
                    try channel.pipeline.syncOperations.addHandler(handler)
                }
            }
            .withConnectedSocket(copy)
            .whenComplete { result in
                switch result {
                case .success(let channel): client.channel.withLock { $0 = channel }
                case .failure(let error): client.finish("\(error)")
                }
            }
        return client
    }

    /// Sends a request that has one answer; fails with `ControlFailure`, or what kept it from being sent.
    public func ask(
        _ request: ControlRequest, descriptors: [OwnedDescriptor] = [], within patience: TimeAmount
    ) -> EventLoopFuture<ControlReply> {
        let promise = eventLoop.makePromise(of: ControlReply.self)
        let number = state.withLock { state -> UInt32? in
            guard state.isOpen else { return nil }
            state.nextRequest = state.nextRequest == .max ? 1 << 16 : state.nextRequest + 1
            state.waiting[state.nextRequest] = promise
            return state.nextRequest
        }
        guard let number else {
            promise.fail(ControlFailure.ended("its VM has ended"))
            return promise.futureResult
        }
        do {
            try socket.send(ControlFrame(request: number, content: request).bytes(), descriptors: descriptors)
        } catch {
            take(number)?.fail(error)
            return promise.futureResult
        }
        let timer = eventLoop.scheduleTask(in: patience) { [weak self] in
            self?.take(number)?.fail(ControlFailure.silent)
        }
        promise.futureResult.whenComplete { _ in timer.cancel() }
        return promise.futureResult.flatMapThrowing { reply in
            if case .refused(let refusal) = reply { throw ControlFailure.refused(refusal) }
            return reply
        }
    }

    /// A stream to a port of a container's loopback, and when something there has taken it, or can.
    public func relay(
        port: UInt16, opening: RelayConnection.Opening, of container: String, withinMilliseconds limit: UInt32
    ) throws -> (near: OwnedDescriptor, answer: EventLoopFuture<Void>) {
        let (near, far) = try UnixSocket.pair()
        let request = RelayRequest(
            container: container, port: port, opening: opening, timeoutInMilliseconds: limit)
        let patience = TimeAmount.milliseconds(Int64(limit) + Self.relayGrace)
        return (near, ask(.relay(request), descriptors: [far], within: patience).map { _ in })
    }

    /// The connection has ended without a reason from either side.
    public var isCutOff: Bool { state.withLock(\.isCutOff) }

    /// Ends the connection.
    public func close() {
        // The channel has a copy of the socket: its end alone would be no end for the VM, while this one is held.
        socket.endConnection()
        channel.withLock { $0 }?.close(promise: nil)
    }

    /// The connection is of no more use: what waits for an answer fails.
    public func finish(_ reason: String) { finish(reason, isCutOff: false) }

    private func finish(_ reason: String, isCutOff: Bool) {
        let waiting = state.withLock { state in
            if state.isOpen { state.isCutOff = isCutOff }
            state.isOpen = false
            defer { state.waiting = [:] }
            return state.waiting.values
        }
        for promise in waiting { promise.fail(ControlFailure.ended(reason)) }
        end.succeed(reason)
        close()
    }

    private func take(_ number: UInt32) -> EventLoopPromise<ControlReply>? {
        state.withLock { $0.waiting.removeValue(forKey: number) }
    }
}
