import CLinux
import Glibc
import LinuxSystem
import SystemPackage

// SAFETY: the C calls of this file borrow a local variable for the call; the array has as many bytes as the call writes.

/// Locks and flags of open files.
extension FileCalls {
    /// Sets or removes a lock that belongs to the open file.
    func setLock(_ range: LockedRange, of file: OwnedDescriptor) throws(Errno) {
        try result(clinux_set_lock(file.rawValue, range.lock))
    }

    /// What is in the way of a lock of an open file.
    func obstacle(to range: LockedRange, of file: OwnedDescriptor) throws(Errno) -> LockedRange? {
        var lock = range.lock
        try unsafe result(clinux_get_lock(file.rawValue, &lock))
        guard let kind = LockKind(rawValue: lock.type), kind != .none else { return nil }
        return LockedRange(kind: kind, start: lock.start, end: lock.end)
    }

    /// A lock of the whole open file, as flock(2) has it.
    func lockWhole(_ file: OwnedDescriptor, _ kind: LockKind) throws(Errno) {
        try result(clinux_lock_whole(file.rawValue, kind.rawValue))
    }

    /// FS_IOC_GETFLAGS.
    func flags(of file: OwnedDescriptor) throws(Errno) -> UInt32 {
        var flags: UInt32 = 0
        try unsafe result(clinux_get_flags(file.rawValue, &flags))
        return flags
    }

    func setFlags(_ flags: UInt32, of file: OwnedDescriptor) throws(Errno) {
        try result(clinux_set_flags(file.rawValue, flags))
    }

    /// FS_IOC_FSGETXATTR: struct fsxattr.
    func extendedFlags(of file: OwnedDescriptor) throws(Errno) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(CLINUX_EXTENDED_FLAGS_SIZE))
        try unsafe result(clinux_get_extended_flags(file.rawValue, &bytes))
        return bytes
    }
}

extension LockedRange {
    fileprivate var lock: clinux_lock { clinux_lock(start: start, end: end, type: kind.rawValue) }
}
