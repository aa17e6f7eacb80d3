import Synchronization

/// A lock with no value of its own: what it protects says so where it stands.
public final class Lock: Sendable {
    private let mutex = Mutex<Void>(())

    public init() {}

    /// Runs the body with the lock held. Not recursive.
    public func locked<Result: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        mutex._unsafeLock()
        defer { mutex._unsafeUnlock() }
        return try body()
    }

    /// Runs the body without the lock, which the caller holds: what the lock protects may be another's meanwhile.
    public func unlocked<Result: ~Copyable, Failure: Error>(_ body: () throws(Failure) -> Result) throws(Failure)
        -> Result
    {
        mutex._unsafeUnlock()
        defer { mutex._unsafeLock() }
        return try body()
    }
}
