import Events
import LinuxSystem
import NIOCore
import NIOHTTP1
import NIOPosix
import Synchronization

/// Lambda's Runtime API (2018-06-01) for one container: gives its runtime one event at a time and takes the answers. Any
/// thread may use it.
final class LambdaRuntime: Sendable {
    /// Connections of one container at a time; further ones wait in its port's backlog.
    private static let maxConnections = 32

    /// Asks for the next event, and gets it on its own event loop.
    struct Asker: Sendable {
        let promise: EventLoopPromise<LambdaInvocation>
    }

    private enum Stage {
        /// The runtime has not asked for its first event.
        case initializing
        case idle(Asker?)
        /// Has an event and has not answered.
        case busy(LambdaInvocation, EventLoopPromise<LambdaResult>)
        /// An event is there, and is not asked for yet.
        case offered(LambdaInvocation, EventLoopPromise<LambdaResult>)
        case ended
    }

    private struct State {
        var stage = Stage.initializing
        var readiness: EventLoopPromise<Void>?
        var connections = 0
        /// One waits for the container to connect.
        var hasSpare = false
        var initError: String?
    }

    let tail = LogTail()
    private let state = Mutex(State())
    private let function: String

    init(_ definition: FunctionDefinition) { function = definition.name }

    // MARK: Connections

    /// From now on the container can connect; answered when it can.
    func listen(in container: FunctionContainer, on eventLoop: any NIOCore.EventLoop) -> EventLoopFuture<Void> {
        let isWanted = state.withLock { state in
            if case .ended = state.stage { return false }
            guard !state.hasSpare, state.connections < Self.maxConnections else { return false }
            state.hasSpare = true
            return true
        }
        guard isWanted else { return eventLoop.makeSucceededVoidFuture() }
        do {
            let (near, answer) = try container.expectConnection(on: ContainerStarter.runtimePort)
            return answer.hop(to: eventLoop).flatMap { [self] in
                do {
                    return ClientBootstrap(group: eventLoop)
                        .channelInitializer { [self, weak container] channel in initialize(channel, container) }
                        .withConnectedSocket(try near.duplicateToGiveAway()).map { _ in }
                } catch { return eventLoop.makeFailedFuture(error) }
            }
        } catch { return eventLoop.makeFailedFuture(error) }
    }

    private func initialize(_ channel: any Channel, _ container: FunctionContainer?) -> EventLoopFuture<Void> {
        channel.eventLoop.makeCompletedFuture {
            let pipeline = channel.pipeline.syncOperations
            try pipeline.configureHTTPServerPipeline(withPipeliningAssistance: true, withErrorHandling: true)
            try pipeline.addHandler(
                RuntimeHandler(
                    self,
                    onFirst: { [self, weak container, eventLoop = channel.eventLoop] in
                        state.withLock { state in
                            state.hasSpare = false
                            state.connections += 1
                        }
                        if let container { listenAgain(in: container, on: eventLoop) }
                    },
                    onEnd: { [self, weak container, eventLoop = channel.eventLoop] wasUsed in
                        state.withLock { state in
                            if wasUsed { state.connections -= 1 } else { state.hasSpare = false }
                        }
                        if let container { listenAgain(in: container, on: eventLoop) }
                    }))
        }
    }

    private func listenAgain(in container: FunctionContainer, on eventLoop: any NIOCore.EventLoop) {
        listen(in: container, on: eventLoop).whenFailure { [self] _ in state.withLock { $0.hasSpare = false } }
    }

    // MARK: Readiness

    /// The runtime has asked for its first event. Fails where it reports that it cannot.
    func isReady(on eventLoop: any NIOCore.EventLoop) -> EventLoopFuture<Void> {
        let promise = eventLoop.makePromise(of: Void.self)
        let outcome = state.withLock { state -> Result<Void, GatewayError>? in
            if let error = state.initError { return .failure(.noContainer(error)) }
            switch state.stage {
            case .initializing:
                state.readiness = promise
                return nil
            case .ended: return .failure(.containerEnded("it has ended before it asked for an event"))
            case .idle, .busy, .offered: return .success(())
            }
        }
        if let outcome { promise.completeWith(outcome.mapError { $0 as any Error }) }
        return promise.futureResult
    }

    // MARK: Events

    /// Has the runtime handle an event: it has none now. Fails with `GatewayError` where the container ends.
    func invoke(_ invocation: LambdaInvocation, on eventLoop: any NIOCore.EventLoop) -> EventLoopFuture<LambdaResult> {
        let promise = eventLoop.makePromise(of: LambdaResult.self)
        let asker = state.withLock { state -> Result<Asker?, GatewayError> in
            switch state.stage {
            case .idle(let asker?):
                state.stage = .busy(invocation, promise)
                return .success(asker)
            case .idle(nil):
                state.stage = .offered(invocation, promise)
                return .success(nil)
            case .initializing, .busy, .offered, .ended:
                return .failure(.containerEnded("its runtime takes no event"))
            }
        }
        switch asker {
        case .success(let asker): asker?.promise.succeed(invocation)
        case .failure(let error): promise.fail(error)
        }
        return promise.futureResult
    }

    /// The runtime asks for its next event.
    func next(_ asker: Asker) {
        let (event, ready) = state.withLock { state -> (LambdaInvocation?, EventLoopPromise<Void>?) in
            defer { state.readiness = nil }
            switch state.stage {
            case .offered(let invocation, let promise):
                state.stage = .busy(invocation, promise)
                return (invocation, state.readiness)
            case .ended: return (nil, nil)
            case .busy(_, let promise):
                // It has given up on the one it had.
                promise.fail(GatewayError.containerEnded("its runtime asked for another event before it answered"))
                fallthrough
            case .initializing, .idle:
                state.stage = .idle(asker)
                return (nil, state.readiness)
            }
        }
        ready?.succeed(())
        if let event { asker.promise.succeed(event) }
    }

    /// The runtime's answer to an event; false where it has none of that id.
    func answer(_ id: String, _ result: LambdaResult) -> Bool {
        let promise = state.withLock { state -> EventLoopPromise<LambdaResult>? in
            guard case .busy(let invocation, let promise) = state.stage, invocation.id == id else { return nil }
            state.stage = .idle(nil)
            return promise
        }
        promise?.succeed(result)
        return promise != nil
    }

    /// The runtime cannot begin.
    func noteInitError(_ text: String) {
        let promise = state.withLock { state in
            state.initError = text
            defer { state.readiness = nil }
            return state.readiness
        }
        promise?.fail(GatewayError.noContainer(text))
    }

    /// The container has ended.
    func end(_ reason: String) {
        let (former, ready) = state.withLock { state in
            defer { (state.stage, state.readiness) = (.ended, nil) }
            return (state.stage, state.readiness)
        }
        let error = GatewayError.containerEnded(reason)
        ready?.fail(error)
        switch former {
        case .busy(_, let promise), .offered(_, let promise): promise.fail(error)
        case .idle(let asker): asker?.promise.fail(error)
        case .initializing, .ended: break
        }
    }
}
