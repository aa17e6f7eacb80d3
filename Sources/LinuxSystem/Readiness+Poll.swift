import Glibc
import SystemPackage

/// Waits until one of a few descriptors is ready (poll(2)); unlike an `EventLoop` it takes any kind of descriptor.
///
/// - `timeoutInMilliseconds`: -1 for no limit.
/// - Returns: what each descriptor is ready for, in their order; all empty when the time is over or a signal came.
public func wait(
    for interests: [(OwnedDescriptor, Readiness)], timeoutInMilliseconds: CInt = -1
) throws(SystemError) -> [Readiness] {
    var entries = interests.map { descriptor, interest in
        pollfd(
            fd: descriptor.rawValue,
            events: Int16((interest.contains(.readable) ? POLLIN : 0) | (interest.contains(.writable) ? POLLOUT : 0)),
            revents: 0)
    }
    // SAFETY: the count is the array's own.
    let result = unsafe poll(&entries, nfds_t(entries.count), timeoutInMilliseconds)
    if result < 0 {
        guard errno == EINTR else { throw SystemError("wait for descriptors", Errno(rawValue: errno)) }
        return interests.map { _ in [] }
    }
    return entries.map { entry in
        var ready: Readiness = []
        if CInt(entry.revents) & POLLIN != 0 { ready.insert(.readable) }
        if CInt(entry.revents) & POLLOUT != 0 { ready.insert(.writable) }
        if CInt(entry.revents) & (POLLHUP | POLLERR | POLLNVAL) != 0 { ready.formUnion(.hungUp) }
        return ready
    }
}
