import CLinux
import Glibc
import Synchronization
import SystemPackage

/// A POSIX thread that can be interrupted out of a blocking call, as a vCPU's thread must be.
@safe
public final class Thread: @unchecked Sendable {
    /// The signal that interrupts: its handler does nothing, so its only effect is EINTR.
    private static let interruptSignal = CInt(__libc_current_sigrtmin())

    private final class Body: Sendable {
        let name: String
        let run: @Sendable () -> Void
        init(_ name: String, _ run: @escaping @Sendable () -> Void) {
            self.name = name
            self.run = run
        }
    }

    private let identifier: pthread_t
    /// Or its stack would stay after its end.
    private let isJoined = Atomic(false)

    /// Starts a thread; `name` is cut to the 15 bytes that the kernel keeps.
    public init(named name: String, _ run: @escaping @Sendable () -> Void) throws(SystemError) {
        try checked(clinux_ignore_with_interrupt(Self.interruptSignal), "install the interrupt signal's handler")
        // SAFETY: the thread's entry takes back exactly the one reference that is given away here.
        let body = unsafe Unmanaged.passRetained(Body(name, run))
        var thread = pthread_t()
        let result = unsafe pthread_create(
            &thread, nil,
            { argument in
                guard let argument = unsafe argument else { return nil }
                let body = unsafe Unmanaged<Body>.fromOpaque(argument).takeRetainedValue()
                unsafe clinux_name_thread(body.name)
                // A thread inherits its creator's mask, and the threads of a dispatch pool block every signal.
                _ = clinux_unblock_signal(Thread.interruptSignal)
                body.run()
                return nil
            }, body.toOpaque())
        guard result == 0 else {
            unsafe body.release()
            throw SystemError("start the thread \(name)", Errno(rawValue: result))
        }
        identifier = thread
    }

    /// Interrupts a blocking call of the thread, if it is in one. Only before `join` has returned.
    public func interrupt() { _ = clinux_kick_thread(UInt64(identifier), Self.interruptSignal) }

    /// Waits for the thread's end. Once, by one thread.
    public func join() {
        isJoined.store(true, ordering: .relaxed)
        _ = pthread_join(identifier, nil)
    }

    deinit { if !isJoined.load(ordering: .relaxed) { pthread_detach(identifier) } }
}
