import CLinux
import Glibc

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// What a descriptor is ready for (epoll(7)).
public struct Readiness: OptionSet, Sendable {
    public let rawValue: UInt32
    public init(rawValue: UInt32) { self.rawValue = rawValue }

    public static let readable = Readiness(rawValue: EPOLLIN.rawValue)
    public static let writable = Readiness(rawValue: EPOLLOUT.rawValue)
    /// The peer has closed, or the descriptor has failed. Always reported, wanted or not.
    public static let hungUp = Readiness(rawValue: EPOLLHUP.rawValue | EPOLLERR.rawValue | EPOLLRDHUP.rawValue)
    /// Report a change once instead of the state until it is handled.
    public static let edge = Readiness(rawValue: EPOLLET.rawValue)
}

/// Waits for many descriptors and calls the handler of each that is ready, on the thread that runs the loop.
///
/// Registrations are protected by `lock`: the caller that adds, changes or removes one holds it, and every handler is called
/// with it held. A handler may remove any registration, its own too.
public final class EventLoop {
    public typealias Handler = (Readiness) -> Void

    private let epoll: OwnedDescriptor
    /// Held while a handler runs. Immutable.
    public let lock: Lock
    /// A token names one registration for ever, so that an event of a closed descriptor never reaches the next one
    /// that gets its number.
    private var handlers: [UInt64: Handler] = [:]
    private var tokens: [CInt: UInt64] = [:]
    private var nextToken: UInt64 = 1
    private var running = false

    public init(lock: Lock = Lock()) throws(SystemError) {
        self.lock = lock
        epoll = OwnedDescriptor(
            taking: try checked(negated(epoll_create1(CInt(EPOLL_CLOEXEC))), "make an epoll instance"))
    }

    /// Calls `handler` whenever the descriptor is ready for `interest`. The caller keeps the descriptor open until
    /// it has removed it.
    public func add(_ descriptor: OwnedDescriptor, for interest: Readiness, handler: @escaping Handler)
        throws(SystemError)
    {
        let token = nextToken
        try control(EPOLL_CTL_ADD, descriptor, interest, token)
        nextToken += 1
        tokens[descriptor.rawValue] = token
        handlers[token] = handler
    }

    /// Changes what a registered descriptor is waited for.
    public func modify(_ descriptor: OwnedDescriptor, for interest: Readiness) throws(SystemError) {
        guard let token = tokens[descriptor.rawValue] else { return }
        try control(EPOLL_CTL_MOD, descriptor, interest, token)
    }

    public func remove(_ descriptor: OwnedDescriptor) {
        guard let token = tokens.removeValue(forKey: descriptor.rawValue) else { return }
        handlers[token] = nil
        try? control(EPOLL_CTL_DEL, descriptor, [], token)
    }

    /// Handles events until `stop()`.
    public func run() throws(SystemError) {
        running = true
        while running { try runOnce(timeoutInMilliseconds: -1) }
    }

    public func stop() { running = false }

    /// Waits for events once (-1: without limit) and handles them; how many there were.
    @discardableResult
    public func runOnce(timeoutInMilliseconds: CInt) throws(SystemError) -> Int {
        var ready = [clinux_event](repeating: clinux_event(), count: 32)
        let result = unsafe clinux_epoll_wait(epoll.rawValue, &ready, 32, timeoutInMilliseconds)
        if result == -EINTR { return 0 }
        let count = Int(try checked(result, "wait for events"))
        lock.locked {
            for event in ready.prefix(count) {
                // An earlier handler of this round may have removed it.
                handlers[event.token]?(Readiness(rawValue: event.events))
            }
        }
        return count
    }

    private func control(
        _ operation: CInt, _ descriptor: OwnedDescriptor, _ interest: Readiness, _ token: UInt64
    ) throws(SystemError) {
        try checked(
            clinux_epoll_control(epoll.rawValue, operation, descriptor.rawValue, interest.rawValue, token),
            "watch descriptor \(descriptor.rawValue)")
    }
}
