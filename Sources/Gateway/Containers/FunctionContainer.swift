import AgentProtocol
import ControlProtocol
import Events
import HTTPExchange
import LinuxSystem
import NIOCore
import Runtime
import Synchronization

/// A container of a function, from the decision to start it to its end. Any thread may use it.
final class FunctionContainer: Sendable {
    /// Its number with the dispatcher.
    let number: UInt64
    /// Its name in the registry.
    let id: String
    /// The definition that it was started by; it keeps that when a later one comes.
    let definition: FunctionDefinition

    private struct State {
        var link: (any ContainerLink)?
        var machine = ""
        var memory = MemoryAccount()
        /// It was to end before it had a connection.
        var isEnding = false
        /// What its handler's module exports.
        var shape = HandlerEvent.Shape.handle
        var isTracing = false
    }

    private let state = Mutex(State())
    /// Connections to its server without a request, by event loop.
    let pool = BackPool()
    /// What a Lambda runtime in it asks.
    let runtime: LambdaRuntime?

    init(number: UInt64, _ definition: FunctionDefinition) {
        self.number = number
        self.definition = definition
        // Containers of several gateways do not meet: a name is drawn, not counted.
        id = "fn-\(definition.name)-\(Registry.freshID())"
        runtime = definition.kind == .lambda ? LambdaRuntime(definition) : nil
    }

    var machine: String { state.withLock(\.machine) }

    /// What its zone has had plugged, and how long, in MB·ms.
    var memoryMillisecondMegabytes: UInt64 {
        state.withLock { $0.memory.megabyteMilliseconds(at: MonotonicClock.nanoseconds) }
    }

    var shape: HandlerEvent.Shape { state.withLock(\.shape) }
    func note(shape: HandlerEvent.Shape) { state.withLock { $0.shape = shape } }

    /// Its handler's module has probes. Said before its start.
    var isTracing: Bool { state.withLock(\.isTracing) }
    func traces() { state.withLock { $0.isTracing = true } }

    /// A VM has taken it.
    func note(_ link: any ContainerLink, machine: String, zoneSizeInBytes: UInt64) {
        let isEnding = state.withLock { state in
            state.link = link
            state.machine = machine
            // Its zone may have grown meanwhile.
            if !state.memory.hasBegun { state.memory.note(zoneSizeInBytes, at: MonotonicClock.nanoseconds) }
            return state.isEnding
        }
        if isEnding { link.close() }
    }

    /// Its zone has grown or shrunk to this.
    func note(zoneSizeInBytes: UInt64) {
        state.withLock { $0.memory.note(zoneSizeInBytes, at: MonotonicClock.nanoseconds) }
    }

    /// Kills it, if it has not ended. What is under way in it is broken off.
    func end() {
        let link = state.withLock { state in
            state.isEnding = true
            return state.link
        }
        link?.close()
    }

    /// Its VM has gone, for a reason that need not be the container's.
    var isCutOff: Bool { state.withLock(\.link)?.isCutOff ?? false }

    /// It has ended: its connections go.
    func forget(_ reason: String) {
        pool.close(forEver: true)
        runtime?.end(reason)
    }

    private func link() throws(GatewayError) -> any ContainerLink {
        guard let link = state.withLock({ $0.link }) else { throw .containerEnded("it is not there") }
        return link
    }

    // MARK: Pausing

    /// Freezes it; its idle memory returns to the host. It is asked by the next request to go on.
    func pause() {
        guard let link = try? link() else { return }
        pool.close()
        link.setPaused(true, of: id).whenFailure { [weak self] _ in
            // Half frozen it is of no use to anybody.
            self?.end()
        }
    }

    /// It runs when the answer comes.
    func resume(on eventLoop: any NIOCore.EventLoop) -> EventLoopFuture<Void> {
        do { return try link().setPaused(false, of: id).hop(to: eventLoop) } catch {
            return eventLoop.makeFailedFuture(error)
        }
    }

    // MARK: Connections

    /// A stream to a port of its loopback, and when something there has taken it.
    func connect(withinMilliseconds limit: UInt32) throws -> (OwnedDescriptor, EventLoopFuture<Void>) {
        try relay(.agent, definition.port, limit)
    }

    /// A stream that something in it opens by connecting to a port of its loopback; the answer comes when that can be.
    func expectConnection(on port: UInt16) throws -> (OwnedDescriptor, EventLoopFuture<Void>) {
        try relay(.container, port, 10_000)
    }

    private func relay(
        _ opening: RelayConnection.Opening, _ port: UInt16, _ limit: UInt32
    ) throws -> (OwnedDescriptor, EventLoopFuture<Void>) {
        let (near, answer) = try link().relay(
            port: port, opening: opening, of: id, withinMilliseconds: limit)
        return (near, answer)
    }
}
