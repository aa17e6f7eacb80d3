import AgentProtocol
import ControlChannel
import ControlProtocol
import LinuxSystem
import NIOCore
import Runtime

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
final class ContainerConnection: ContainerLink {
    /// How long a VM has for an answer that its guest takes part in.
    static let patience = TimeAmount.milliseconds(Int64(ControlTimeouts.standard.answer))

    let eventLoop: any NIOCore.EventLoop
    private let client: ControlClient
    private let first: EventLoopPromise<ControlReply>

    /// The first answer to the request that began the conversation, or why there is none.
    var beginning: EventLoopFuture<ControlReply> { first.futureResult }
    /// Why the container has ended; never fails.
    var ended: EventLoopFuture<String> { client.ended }

    private init(_ client: ControlClient, _ first: EventLoopPromise<ControlReply>) {
        self.client = client
        self.first = first
        eventLoop = client.eventLoop
        client.ended.whenSuccess { first.fail(GatewayError.containerEnded($0)) }
    }

    /// Takes a connection over on which a container was asked for.
    ///
    /// - Parameter onZoneSize: called on the event loop when its zone has grown or shrunk, with what is plugged in bytes.
    static func adopt(
        _ placed: ControlConnection, request: UInt32, on eventLoop: any NIOCore.EventLoop,
        onZoneSize: @escaping @Sendable (UInt64) -> Void
    ) throws -> ContainerConnection {
        let first = eventLoop.makePromise(of: ControlReply.self)
        // Known before the first answer comes: that is on the event loop, and there after this.
        let end = eventLoop.makePromise(of: String.self)
        let client: ControlClient
        do {
            client = try ControlClient.adopt(placed.socket, decoder: placed.decoder, on: eventLoop) { frame in
                guard frame.request == request else { return }
                switch frame.content {
                case .exited(let record):
                    end.succeed(record.cause.isEmpty ? "it ended with \(record.code)" : record.cause)
                case .zoneResized(let sizeInBytes): onZoneSize(sizeInBytes)
                case .refused(let refusal):
                    first.fail(RuntimeError.refused(refusal))
                    end.succeed(refusal.text)
                default: first.succeed(frame.content)
                }
            }
        } catch {
            first.fail(error)
            end.succeed("\(error)")
            throw error
        }
        end.futureResult.whenSuccess { client.finish($0) }
        client.ended.whenSuccess { end.succeed($0) }
        return ContainerConnection(client, first)
    }

    /// Sends a request that has one answer; fails with `RuntimeError.refused`, with `GatewayError` where the VM has gone, or
    /// after `patience`.
    func ask(
        _ request: ControlRequest, descriptors: [OwnedDescriptor] = [], within patience: TimeAmount = patience
    ) -> EventLoopFuture<ControlReply> {
        client.ask(request, descriptors: descriptors, within: patience).explained
    }

    func setPaused(_ isPaused: Bool, of container: String) -> EventLoopFuture<Void> {
        ask(.pause(container: container, paused: isPaused)).map { _ in }
    }

    func relay(
        port: UInt16, opening: RelayConnection.Opening, of container: String, withinMilliseconds limit: UInt32
    ) throws -> (near: OwnedDescriptor, answer: EventLoopFuture<Void>) {
        let (near, answer) = try client.relay(
            port: port, opening: opening, of: container, withinMilliseconds: limit)
        return (near, answer.explained)
    }

    func close() { client.close() }

    var isCutOff: Bool { client.isCutOff }
}

extension EventLoopFuture {
    /// Fails as the gateway's callers know it.
    fileprivate var explained: EventLoopFuture<Value> {
        flatMapErrorThrowing { error in
            switch error as? ControlFailure {
            case .refused(let refusal): throw RuntimeError.refused(refusal)
            case .ended(let reason): throw GatewayError.containerEnded(reason)
            case .silent: throw GatewayError.silent
            case nil: throw error
            }
        }
    }
}
