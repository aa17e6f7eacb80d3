import CLinux
import Glibc
import SystemPackage

/// How a lock of an open file is held.
public enum FileLockMode: Sendable {
    /// By any number of holders, none of them exclusive.
    case shared
    /// By one alone.
    case exclusive
}

extension OwnedDescriptor {
    /// Takes the lock of the open file (flock(2)), or changes how it is held. It goes when the last descriptor of the
    /// open file is closed, in whichever process: a process that dies, however it does, lets go of it.
    public func takeLock(_ mode: FileLockMode) throws(SystemError) {
        try checked(clinux_flock(rawValue, mode.operation), "lock a file")
    }

    /// The same without waiting: whether the lock was got.
    public func tryLock(_ mode: FileLockMode) throws(SystemError) -> Bool {
        let result = clinux_flock(rawValue, mode.operation | LOCK_NB)
        if result == -EWOULDBLOCK { return false }
        try checked(result, "lock a file")
        return true
    }

    /// Takes the lock, and waits no longer than that for its holders to let go of it.
    /// - Throws: ETIMEDOUT when they have not.
    public func takeLock(_ mode: FileLockMode, withinMilliseconds limit: CInt) throws(SystemError) {
        if try tryLock(mode) { return }
        // flock(2) knows no time limit, and there is no other event for a lock that is released: so a thread waits in the
        // caller's place. When the caller has given up, the lock goes with the thread's reference, at once.
        let taken = try EventDescriptor()
        _ = try Thread(named: "lock") { [self] in
            if clinux_flock(rawValue, mode.operation) == 0 { taken.signal() }
            withExtendedLifetime(self) {}
        }
        guard try taken.descriptor.isReadable(by: Deadline(inMilliseconds: limit)) else {
            throw SystemError("lock a file within \(limit) ms: its holder does not let go of it", .timedOut)
        }
    }
}

extension FileLockMode {
    fileprivate var operation: CInt { self == .shared ? LOCK_SH : LOCK_EX }
}
