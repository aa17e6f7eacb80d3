import Events
import LinuxSystem
import Logging
import Logs
import NIOCore
import Runtime
import Scaling
import Synchronization

/// A function that is served: gives each request a container, has containers started and ended as the load wants it. Any
/// thread may use it; what is decided is decided under one lock, and done outside it.
final class FunctionService: Sendable {
    fileprivate struct State {
        var definition: FunctionDefinition
        var dispatcher: Dispatcher
        var autoscaler: Autoscaler
        var containers: [Dispatcher.ContainerNumber: FunctionContainer] = [:]
        var waiters: [Dispatcher.WaiterNumber: EventLoopPromise<Lease>] = [:]
        var nextNumber: UInt64 = 1
        /// When concurrency was last recorded.
        var recordedAt: Int64
        /// Requests that were there then, those that wait too.
        var present = 0
        var wanted = 0
        /// No container could be started lately: until when none is tried, and why.
        var failure: (until: Int64, reason: String)?
        /// Starts in a row whose VM was lost.
        var lostStarts = 0
        var isClosed = false
    }

    let name: String
    let account = FunctionAccount()
    /// nil: it has no handler that could be compiled.
    let acceleration: FunctionAcceleration?
    private let starter: any ContainerStarting
    private let state: Mutex<State>
    private let clock: @Sendable () -> Int64
    /// Has idle containers of all functions end; whether there was one.
    private let pressure: @Sendable () -> Bool

    /// How long after a failed start the next is tried, in milliseconds.
    private static let startBackoff: Int64 = 1000
    /// A start whose VM is lost is no fault of the function: so many more are tried before those that wait are refused.
    private static let maxLostStarts = 3

    init(
        _ definition: FunctionDefinition, starter: any ContainerStarting, acceleration: FunctionAcceleration? = nil,
        pressure: @escaping @Sendable () -> Bool = { false },
        clock: @escaping @Sendable () -> Int64 = { Int64(MonotonicClock.nanoseconds / 1_000_000) }
    ) {
        name = definition.name
        self.starter = starter
        self.acceleration = acceleration
        self.clock = clock
        self.pressure = pressure
        state = Mutex(
            State(
                definition: definition,
                dispatcher: Dispatcher(concurrency: definition.concurrency, maxWaiting: definition.queue),
                autoscaler: Autoscaler(definition.scalingSettings), recordedAt: clock()))
    }

    var definition: FunctionDefinition { state.withLock { $0.definition } }

    /// How it stands.
    var snapshot: FunctionSnapshot {
        state.withLock { state in
            FunctionSnapshot(
                definition: state.definition, wanted: state.wanted, waiting: state.dispatcher.waitingCount,
                active: state.dispatcher.activeCount, failure: state.failure?.reason,
                containers: state.containers.map { number, container in
                    FunctionSnapshot.Container(
                        id: container.id, machine: container.machine, slot: state.dispatcher.slots[number],
                        isCurrent: state.dispatcher.slots[number]?.generation == state.dispatcher.generation)
                })
        }
    }

    // MARK: Requests

    /// A container for a request: at once, or when one has room. Fails with `GatewayError`.
    func acquire(on eventLoop: any NIOCore.EventLoop) -> (number: UInt64, lease: EventLoopFuture<Lease>) {
        let promise = eventLoop.makePromise(of: Lease.self)
        let now = clock()
        let outcome = state.withLock { state -> (number: UInt64, Result<Lease?, GatewayError>) in
            state.nextNumber += 1
            let number = state.nextNumber
            guard !state.isClosed else { return (number, .failure(.removed)) }
            if let failure = state.failure, failure.until > now, state.dispatcher.currentCount == 0 {
                return (number, .failure(.noContainer(failure.reason)))
            }
            switch state.dispatcher.admit(number) {
            case .assigned(let assignment):
                guard let lease = state.lease(assignment, queued: false) else {
                    return (number, .failure(.containerEnded("it has just gone")))
                }
                state.record(now, change: 1)
                return (number, .success(lease))
            case .queued:
                state.record(now, change: 1)
                state.waiters[number] = promise
                return (number, .success(nil))
            case .full(let waiting): return (number, .failure(.overloaded(waiting: waiting)))
            }
        }
        switch outcome.1 {
        case .success(let lease?): promise.succeed(lease)
        case .success(nil): scaleUp()
        case .failure(let error): promise.fail(error)
        }
        return (outcome.number, promise.futureResult)
    }

    /// Gives up waiting.
    func withdraw(_ number: UInt64, _ error: GatewayError) {
        let now = clock()
        let promise = state.withLock { state -> EventLoopPromise<Lease>? in
            guard state.dispatcher.withdraw(number) else { return nil }
            state.record(now, change: -1)
            return state.waiters.removeValue(forKey: number)
        }
        promise?.fail(error)
    }

    /// A request has left its container.
    func finish(_ lease: Lease, isBroken: Bool) {
        let now = clock()
        let number = lease.container.number
        let (assigned, isDrained) = state.withLock { state in
            state.record(now, change: -1)
            // Before anybody else gets it.
            if isBroken { _ = state.dispatcher.drain(number) }
            let assigned = state.leases(state.dispatcher.finish(in: number, at: now))
            let slot = state.dispatcher.slots[number]
            return (assigned, slot?.state == .draining && slot?.active == 0)
        }
        for (promise, lease) in assigned { promise.succeed(lease) }
        if isBroken || isDrained { lease.container.end() }
    }

    // MARK: Containers

    private func scaleUp() {
        let now = clock()
        let started = state.withLock { state -> [FunctionContainer] in
            guard !state.isClosed, (state.failure?.until ?? 0) <= now else { return [] }
            // One that starts takes as many as it has room for.
            let room = state.definition.concurrency * state.dispatcher.count(of: .starting)
            let needed =
                (state.dispatcher.waitingCount - room + state.definition.concurrency - 1) / state.definition.concurrency
            let count = min(needed, state.definition.scale.max - state.dispatcher.currentCount)
            return (0..<max(0, count)).map { _ in state.add() }
        }
        for container in started { start(container) }
    }

    private func start(_ container: FunctionContainer) {
        account.noteColdStart()
        if acceleration?.begins(container.number, of: container.definition) == true { container.traces() }
        starter.start(container).whenComplete { [weak self] result in
            guard let self else { return container.end() }
            switch result {
            case .success(let ended):
                noteReady(container)
                ended.whenSuccess { reason in self.noteEnd(container, reason) }
            case .failure(let error):
                noteFailedStart(container, error)
            }
        }
    }

    private func noteReady(_ container: FunctionContainer) {
        let now = clock()
        let assigned = state.withLock { state in
            (state.failure, state.lostStarts) = (nil, 0)
            return state.leases(state.dispatcher.becomeReady(container.number, at: now))
        }
        for (promise, lease) in assigned { promise.succeed(lease) }
    }

    private func noteEnd(_ container: FunctionContainer, _ reason: String) {
        Log.logger.info("a container of \(name) has ended: \(reason)", metadata: ["container": "\(container.id)"])
        container.forget(reason)
        acceleration?.noteEnd(of: container.number)
        account.note(memory: container)
        let isWanted = state.withLock { state in
            state.dispatcher.remove(container.number)
            state.containers[container.number] = nil
            return state.dispatcher.waitingCount > 0
        }
        if isWanted { scaleUp() }
    }

    private func noteFailedStart(_ container: FunctionContainer, _ error: any Error) {
        container.end()
        acceleration?.noteEnd(of: container.number)
        let now = clock()
        // Memory that idle containers give back may do: then it is tried again before anybody is refused.
        let isRelieved = if case RuntimeError.noMemory = error { pressure() } else { false }
        let isLost = container.isCutOff || isMachineLost(error)
        let (isRefused, failed) = state.withLock { state -> (Bool, [EventLoopPromise<Lease>]) in
            let isWanted = state.dispatcher.slots[container.number]?.state == .starting
            state.dispatcher.remove(container.number)
            state.containers[container.number] = nil
            // One of a definition that is no more.
            guard isWanted else { return (false, []) }
            if isLost {
                state.lostStarts += 1
                if state.lostStarts <= Self.maxLostStarts { return (false, []) }
            }
            state.failure = (now + Self.startBackoff, "\(error)")
            // Others may have room soon, or are about to start.
            guard state.dispatcher.currentCount == 0, !isRelieved else { return (true, []) }
            return (true, state.dropWaiters(at: now))
        }
        guard isRefused else {
            if isLost { Log.logger.warning("a start for \(name) was lost with its VM: \(error)") }
            return scaleUp()
        }
        Log.logger.warning("no container of \(name) can be started: \(error)")
        account.noteFailedStart()
        for promise in failed { promise.fail(GatewayError.noContainer("\(error)")) }
    }

    private func isMachineLost(_ error: any Error) -> Bool {
        switch error {
        case RuntimeError.virtualMachineEnded: true
        case RuntimeError.system(let failure): failure.isEndOfPeer
        default: false
        }
    }

    /// The host lacks memory: all containers end that have no request, whatever was wanted; whether there was one.
    func giveBack() -> Bool {
        let ended = state.withLock { state -> [FunctionContainer] in
            let idle = state.dispatcher.idle(for: 0, at: .max / 2, in: [.paused, .ready])
            return idle.filter { state.dispatcher.drain($0) }.compactMap { state.containers[$0] }
        }
        for container in ended { container.end() }
        return !ended.isEmpty
    }

    /// One decision of the autoscaler: called every second.
    func tick() {
        let now = clock()
        let work = state.withLock { state -> Work in
            state.record(now, change: 0)
            guard !state.isClosed else { return Work() }
            let decision = state.autoscaler.decide(ready: state.dispatcher.count(of: .ready), at: now)
            state.wanted = decision.wanted
            return state.adjust(to: decision, at: now)
        }
        for container in work.start { start(container) }
        for container in work.pause { container.pause() }
        for container in work.end { container.end() }
        // Those for whom none could be started before.
        scaleUp()
        if acceleration?.tick() == true { renew() }
    }

    /// New containers get the events from now on; the others end when they have answered.
    private func renew() {
        let drained = state.withLock { state in
            state.dispatcher.beginGeneration().compactMap { state.containers[$0] }
        }
        for container in drained { container.end() }
        scaleUp()
    }

    /// A container gets no more requests, and ends when it has answered.
    func retire(_ container: FunctionContainer) {
        let isIdle = state.withLock { $0.dispatcher.drain(container.number) }
        if isIdle { container.end() }
    }

    /// Takes another definition: containers of the old one end when they have answered.
    func change(_ definition: FunctionDefinition) {
        // Before containers of it begin, of which the first one traces.
        if !self.definition.hasSameContainers(as: definition) { acceleration?.change(definition) }
        let drained = state.withLock { state -> [FunctionContainer] in
            let isSame = state.definition.hasSameContainers(as: definition)
            state.definition = definition
            state.dispatcher.concurrency = definition.concurrency
            state.dispatcher.maxWaiting = definition.queue
            state.autoscaler.change(definition.scalingSettings)
            state.failure = nil
            return isSame ? [] : state.dispatcher.beginGeneration().compactMap { state.containers[$0] }
        }
        for container in drained { container.end() }
        scaleUp()
    }

    /// Takes no more requests, and ends all containers: at once, or when they have answered.
    func close(atOnce: Bool) {
        let now = clock()
        let (failed, ending) = state.withLock { state in
            state.isClosed = true
            let failed = state.dropWaiters(at: now)
            let drained = state.dispatcher.beginGeneration()
            let ending = atOnce ? Array(state.containers.values) : drained.compactMap { state.containers[$0] }
            return (failed, ending)
        }
        acceleration?.close()
        for promise in failed { promise.fail(GatewayError.removed) }
        for container in ending { container.end() }
    }

    fileprivate struct Work {
        var start: [FunctionContainer] = []
        var pause: [FunctionContainer] = []
        var end: [FunctionContainer] = []
    }
}

extension FunctionService.State {
    mutating func record(_ now: Int64, change: Int) {
        autoscaler.record(Double(present), from: recordedAt, to: now)
        recordedAt = max(recordedAt, now)
        present = max(0, present + change)
    }

    mutating func add() -> FunctionContainer {
        nextNumber += 1
        dispatcher.add(nextNumber)
        let container = FunctionContainer(number: nextNumber, definition)
        containers[nextNumber] = container
        return container
    }

    func lease(_ assignment: Dispatcher.Assignment, queued: Bool) -> Lease? {
        containers[assignment.container].map {
            Lease(container: $0, wasQueued: queued, wasPaused: assignment.wasPaused)
        }
    }

    mutating func leases(
        _ assignments: [Dispatcher.Assignment]
    ) -> [(EventLoopPromise<Lease>, Lease)] {
        assignments.compactMap { assignment in
            guard let promise = waiters.removeValue(forKey: assignment.waiter),
                let lease = lease(assignment, queued: true)
            else { return nil }
            return (promise, lease)
        }
    }

    mutating func dropWaiters(at now: Int64) -> [EventLoopPromise<Lease>] {
        let numbers = dispatcher.withdrawAll()
        record(now, change: -numbers.count)
        return numbers.compactMap { waiters.removeValue(forKey: $0) }
    }

    /// What is to be started, paused and ended so that it becomes as decided.
    mutating func adjust(to decision: Autoscaler.Decision, at now: Int64) -> FunctionService.Work {
        var work = FunctionService.Work()
        let count = dispatcher.currentCount
        let scale = definition.scale
        if count < decision.wanted, (failure?.until ?? 0) <= now {
            work.start = (count..<decision.wanted).map { _ in add() }
        } else if count > decision.wanted, !decision.isPanicking {
            // A paused one first: it costs a caller most.
            let idle = dispatcher.idle(for: scale.idleInMilliseconds, at: now, in: [.paused, .ready])
            for number in idle.prefix(count - decision.wanted) where dispatcher.drain(number) {
                if let container = containers[number] { work.end.append(container) }
            }
        }
        guard scale.pauseInMilliseconds > 0 else { return work }
        for number in dispatcher.idle(for: scale.pauseInMilliseconds, at: now, in: [.ready])
        where dispatcher.pause(number) {
            if let container = containers[number] { work.pause.append(container) }
        }
        return work
    }
}

extension FunctionDefinition {
    var scalingSettings: ScalingSettings {
        ScalingSettings(
            target: Double(concurrency) * Double(scale.targetPercent) / 100, minCount: scale.min, maxCount: scale.max,
            stableWindow: scale.windowInMilliseconds, panicWindow: scale.panicInMilliseconds)
    }
}

/// A container that a request has got. Given back by `FunctionService.finish`, once.
struct Lease: Sendable {
    let container: FunctionContainer
    /// It had to wait.
    let wasQueued: Bool
    let wasPaused: Bool
}
