import Events
import HTTPExchange
import LinuxSystem
import NIOCore

/// Finds a container for a request, and a connection to it. On one event loop.
final class ContainerSearch {
    private enum State {
        /// It has no container yet, by this number.
        case waiting(UInt64)
        /// It has one, which is being connected to.
        case connecting(Lease)
        case ended
    }

    typealias Opening = @Sendable (FunctionContainer, _ withinMilliseconds: UInt32) -> EventLoopFuture<any Channel>

    private let service: FunctionService
    private let record: RequestRecord
    private let eventLoop: any NIOCore.EventLoop
    private let open: Opening
    private var state = State.ended
    private var onEnd: ((Result<(Lease, any Channel), any Error>) -> Void)?

    /// - Parameter open: makes a new connection to a container.
    init(
        _ service: FunctionService, for record: RequestRecord, on eventLoop: any NIOCore.EventLoop,
        open: @escaping Opening
    ) {
        self.service = service
        self.record = record
        self.eventLoop = eventLoop
        self.open = open
    }

    /// - Parameter onEnd: called once, unless it is cancelled before; with a lease that is the caller's to finish.
    func begin(_ onEnd: @escaping (Result<(Lease, any Channel), any Error>) -> Void) {
        self.onEnd = onEnd
        acquire()
    }

    /// - Parameter isBroken: what the container is that it was connecting to.
    func cancel(_ error: GatewayError, isBroken: Bool) {
        let former = state
        (state, onEnd) = (.ended, nil)
        switch former {
        case .waiting(let number): service.withdraw(number, error)
        case .connecting(let lease): service.finish(lease, isBroken: isBroken)
        case .ended: break
        }
    }

    private func acquire() {
        let (number, lease) = service.acquire(on: eventLoop)
        state = .waiting(number)
        lease.assumeIsolated().whenComplete { [self] result in
            switch result {
            case .success(let lease): connect(lease)
            case .failure(let error): if case .waiting = state { end(.failure(error)) }
            }
        }
    }

    private func connect(_ lease: Lease) {
        guard case .waiting = state else { return service.finish(lease, isBroken: false) }
        record.gotContainer(lease)
        state = .connecting(lease)
        let container = lease.container
        if !lease.wasPaused, let channel = container.pool.take(on: eventLoop) { return end(.success((lease, channel))) }
        let left = UInt32(clamping: max(1, service.definition.timeoutInMilliseconds - record.ageInMilliseconds))
        let ready = lease.wasPaused ? container.resume(on: eventLoop) : eventLoop.makeSucceededVoidFuture()
        ready.flatMap { [open] in open(container, left) }.assumeIsolated().whenComplete { [self] result in
            guard case .connecting = state else {
                if case .success(let channel) = result { container.pool.put(channel) }
                return
            }
            switch result {
            case .success(let channel): end(.success((lease, channel)))
            case .failure(let error):
                service.finish(lease, isBroken: true)
                // Nothing has gone to it: another may have the request.
                if record.mayMoveOn { acquire() } else { end(.failure(error)) }
            }
        }
    }

    private func end(_ result: Result<(Lease, any Channel), any Error>) {
        let onEnd = onEnd
        (state, self.onEnd) = (.ended, nil)
        onEnd?(result)
    }
}
