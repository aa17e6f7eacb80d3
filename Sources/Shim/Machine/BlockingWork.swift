import LinuxSystem
import NIOCore
import NIOPosix
import Synchronization

/// Where work is done that blocks.
struct BlockingWork: Sendable {
    private let pool: NIOThreadPool
    private let apart = ThreadSlots(64)

    init(threads: Int) {
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
    }

    /// For what takes as long as this host's files and locks below /run.
    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await pool.runIfActive(body)
    }

    /// For what may wait for a VM or for a file system: one that is stopped takes no connection and no request
    /// (`ControlTimeouts.sending`), or has yet to end; images and volumes may lie where nothing answers. In a thread of its
    /// own, so that it keeps none of the pool's from what others need; so many at a time.
    func runApart<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        await apart.take()
        defer { apart.giveBack() }
        return try await withCheckedThrowingContinuation { waiter in
            do {
                _ = try Thread(named: "apart") { waiter.resume(with: Swift.Result(catching: body)) }
            } catch { waiter.resume(throwing: error) }
        }
    }
}

/// How many threads there may be at a time; further callers have theirs in turn.
private final class ThreadSlots: Sendable {
    private struct State {
        var free: Int
        var waiting = CircularBuffer<CheckedContinuation<Void, Never>>()
    }

    private let state: Mutex<State>

    init(_ count: Int) { state = Mutex(State(free: count)) }

    func take() async {
        await withCheckedContinuation { waiter in
            let isFree = state.withLock { state in
                if state.free > 0 {
                    state.free -= 1
                    return true
                }
                state.waiting.append(waiter)
                return false
            }
            if isFree { waiter.resume() }
        }
    }

    func giveBack() {
        let next = state.withLock { state in
            let next = state.waiting.popFirst()
            if next == nil { state.free += 1 }
            return next
        }
        next?.resume()
    }
}
