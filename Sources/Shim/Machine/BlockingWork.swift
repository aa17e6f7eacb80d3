import LinuxSystem
import NIOPosix
import Synchronization

/// Where work is done that blocks: files, locks, the beginning of a conversation with a VM, the building of an image.
struct BlockingWork: Sendable {
    /// Calls that have a thread of their own at a time.
    private static let maxApart = 64

    private let pool: NIOThreadPool
    private let apart = Counter()

    private final class Counter: Sendable {
        let value = Atomic(0)
    }

    init(threads: Int) {
        pool = NIOThreadPool(numberOfThreads: threads)
        pool.start()
    }

    func run<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        try await pool.runIfActive(body)
    }

    /// The same for what may wait for a VM: until one that is stopped takes a connection or a request
    /// (`ControlTimeouts.sending`), or has ended. In a thread of its own, so that it keeps none of the pool's from what
    /// others need; with so many of those, in the pool.
    func runApart<Result: Sendable>(_ body: @escaping @Sendable () throws -> Result) async throws -> Result {
        let apart = apart
        guard apart.value.add(1, ordering: .relaxed).newValue <= Self.maxApart else {
            defer { apart.value.subtract(1, ordering: .relaxed) }
            return try await run(body)
        }
        defer { apart.value.subtract(1, ordering: .relaxed) }
        return try await withCheckedThrowingContinuation { waiter in
            do {
                _ = try Thread(named: "conversation") { waiter.resume(with: Swift.Result(catching: body)) }
            } catch { waiter.resume(throwing: error) }
        }
    }
}
