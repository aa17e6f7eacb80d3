import CLinux
import Glibc
import SystemPackage

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// A counter that wakes its waiters (eventfd(2)); KVM's ioeventfd is made of it.
public final class EventDescriptor: Sendable {
    public let descriptor: OwnedDescriptor

    public init() throws(SystemError) {
        let raw = eventfd(0, CInt(EFD_CLOEXEC) | CInt(EFD_NONBLOCK))
        guard raw >= 0 else { throw SystemError("make an eventfd", Errno(rawValue: errno)) }
        descriptor = OwnedDescriptor(taking: raw)
    }

    /// Adds one: wakes the waiter, or raises the interrupt line that listens.
    public func signal() { _ = eventfd_write(descriptor.rawValue, 1) }

    /// Takes the count back to zero; whether there was anything.
    @discardableResult
    public func drain() -> Bool {
        var count: eventfd_t = 0
        return unsafe eventfd_read(descriptor.rawValue, &count) == 0
    }
}
