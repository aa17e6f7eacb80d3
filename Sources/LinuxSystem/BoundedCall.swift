import Synchronization
import SystemPackage

/// Calls that wait for a file system, which may never answer. Nothing ends a thread that hangs in the kernel; so each is
/// made by a thread of its own, and its caller waits only so long.
public enum BoundedCall {
    /// Calls that were given up and still hang. With so many no further one is begun.
    private static let maxHanging = 16
    private static let hanging = Mutex(0)

    private enum State<Value: Sendable> {
        case pending
        case done(Value)
        case givenUp
    }

    private final class Call<Value: Sendable>: Sendable {
        let state = Mutex(State<Value>.pending)
        let ended: EventDescriptor

        init() throws(SystemError) { ended = try EventDescriptor() }

        func finish(_ value: Value) {
            let wasGivenUp = state.withLock { state in
                guard case .pending = state else { return true }
                state = .done(value)
                return false
            }
            if wasGivenUp { hanging.withLock { $0 -= 1 } }
            ended.signal()
        }

        /// What it has come to; nil: it is given up.
        func take() -> Value? {
            state.withLock { state in
                if case .done(let value) = state { return value }
                state = .givenUp
                hanging.withLock { $0 += 1 }
                return nil
            }
        }
    }

    /// What the call returns; nil where it does not return within so many milliseconds. A later result is dropped.
    ///
    /// - Parameters:
    ///   - limit: in milliseconds.
    ///   - call: what may hang.
    /// - Throws: EAGAIN where 16 calls of this process hang already.
    public static func value<Value: Sendable>(
        withinMilliseconds limit: CInt, _ call: @escaping @Sendable () -> Value
    ) throws(SystemError) -> Value? {
        guard hanging.withLock({ $0 < maxHanging }) else {
            throw SystemError(
                "ask a file system while \(maxHanging) calls of others hang", .resourceTemporarilyUnavailable)
        }
        let made = try Call<Value>()
        _ = try Thread(named: "file system") { made.finish(call()) }
        _ = try wait(for: [(made.ended.descriptor, .readable)], timeoutInMilliseconds: limit)
        return made.take()
    }
}
