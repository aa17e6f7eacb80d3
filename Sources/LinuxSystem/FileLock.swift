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
}

extension FileLockMode {
    fileprivate var operation: CInt { self == .shared ? LOCK_SH : LOCK_EX }
}
