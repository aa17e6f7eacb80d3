import AgentProtocol
import ControlChannel
import ControlProtocol
import FabricPolicies
import HTTPExchange
import LinuxSystem
import Logging
import Logs
import NIOCore
import NIOPosix
import Synchronization

/// A container that the fabric serves: what connects to its loopback's port comes here. The connection is the identity: each
/// stream was asked of the VM for this container, and no other reaches it. Any thread may use it.
final class FabricContainer: Sendable {
    private static let relayTimeout: UInt32 = 10_000
    /// Until a VM that has not answered is asked again.
    private static let pause = TimeAmount.seconds(1)

    private struct State {
        var connections = 0
        /// One waits for the container to connect.
        var hasSpare = false
        var hasEnded = false
    }

    let id: String
    let served: ServedPolicy
    let counters: ContainerCounters
    private let machine: ControlClient
    private let router: StoreRouter
    private let state = Mutex(State())
    private let end: EventLoopPromise<Void>

    /// The container has ended, or its VM; never fails.
    var ended: EventLoopFuture<Void> { end.futureResult }

    init(_ id: String, _ served: ServedPolicy, machine: ControlClient) {
        self.id = id
        self.served = served
        self.machine = machine
        counters = ContainerCounters(id, policy: served.policy.name)
        router = StoreRouter(served, counters)
        end = machine.eventLoop.makePromise()
        machine.ended.whenSuccess { [weak self] _ in self?.finish() }
    }

    /// From now on the container can connect; answered when it can.
    func listen() -> EventLoopFuture<Void> {
        let isWanted = state.withLock { state in
            guard !state.hasEnded, !state.hasSpare, state.connections < served.policy.maxConnections else {
                return false
            }
            state.hasSpare = true
            return true
        }
        guard isWanted else { return machine.eventLoop.makeSucceededVoidFuture() }
        do {
            let (near, answer) = try machine.relay(
                port: served.policy.port, opening: .container, of: id, withinMilliseconds: Self.relayTimeout)
            let eventLoop = machine.eventLoop
            return answer.flatMap { [self] in
                do {
                    return ClientBootstrap(group: eventLoop)
                        .channelOption(.maxMessagesPerRead, value: 4)
                        .channelInitializer { [self] channel in initialize(channel) }
                        .withConnectedSocket(try near.duplicateToGiveAway()).map { _ in }
                } catch { return eventLoop.makeFailedFuture(error) }
            }
        } catch { return machine.eventLoop.makeFailedFuture(error) }
    }

    private func initialize(_ channel: any Channel) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            try channel.pipeline.syncOperations.addHandler(
                SpareHandler(router) { [self] in
                    state.withLock { state in
                        state.hasSpare = false
                        state.connections += 1
                    }
                    counters.connected()
                    listenAgain()
                } onEnd: { [self] wasUsed in
                    state.withLock { state in
                        if wasUsed { state.connections -= 1 } else { state.hasSpare = false }
                    }
                    if wasUsed { counters.disconnected() }
                    listenAgain()
                })
        }
    }

    private func listenAgain() {
        listen().whenFailure { [self] error in
            state.withLock { $0.hasSpare = false }
            switch error as? ControlFailure {
            case .refused(let refusal) where refusal.reason == .full: waitAndListen()
            case .silent: waitAndListen()
            case .refused, .ended, nil:
                // Its VM knows it no more.
                Log.logger.info("\(id) is served no more: \(error)")
                finish()
            }
        }
    }

    private func waitAndListen() { machine.eventLoop.scheduleTask(in: Self.pause) { [self] in listenAgain() } }

    /// Serves it no more.
    func finish() {
        let isFirst = state.withLock { state in
            defer { state.hasEnded = true }
            return !state.hasEnded
        }
        guard isFirst else { return }
        machine.close()
        end.succeed()
    }
}

/// A connection that a container has not begun to use: with its first bytes it becomes one of HTTP.
private final class SpareHandler: ChannelInboundHandler, RemovableChannelHandler {
    typealias InboundIn = ByteBuffer
    typealias InboundOut = ByteBuffer

    private let router: StoreRouter
    private let onUse: () -> Void
    private let onEnd: (_ wasUsed: Bool) -> Void
    private var wasUsed = false

    init(_ router: StoreRouter, onUse: @escaping () -> Void, onEnd: @escaping (Bool) -> Void) {
        self.router = router
        self.onUse = onUse
        self.onEnd = onEnd
    }

    func channelRead(context: ChannelHandlerContext, data: NIOAny) {
        if !wasUsed {
            wasUsed = true
            do { try FrontHandler.configure(context.channel, router) } catch { return context.close(promise: nil) }
            onUse()
        }
        context.fireChannelRead(data)
    }

    func channelInactive(context: ChannelHandlerContext) {
        onEnd(wasUsed)
        context.fireChannelInactive()
    }

    func errorCaught(context: ChannelHandlerContext, error: any Error) {
        if wasUsed { context.fireErrorCaught(error) } else { context.close(promise: nil) }
    }
}
