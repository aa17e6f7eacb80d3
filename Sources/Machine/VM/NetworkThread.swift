import LinuxSystem
import Synchronization

/// The thread that moves frames between the network device's queues and taps, so that no other device's work and no
/// client waits behind them.
final class NetworkThread: @unchecked Sendable {
    /// Its handlers run on this thread with the device lock held. Immutable.
    let loop: EventLoop
    private let ending: EventDescriptor
    private let thread: Mutex<LinuxSystem.Thread?> = Mutex(nil)

    /// - Parameter lock: the device lock.
    init(_ lock: Lock) throws(SystemError) {
        loop = try EventLoop(lock: lock)
        ending = try EventDescriptor()
        try loop.add(ending.descriptor, for: .readable) { [unowned self] _ in loop.stop() }
    }

    /// Starts it; once.
    func start(after prepare: @escaping @Sendable () -> Void) throws(SystemError) {
        let started = try Thread(named: "network") { [self] in
            prepare()
            // Its descriptors are the machine's own: waiting for them cannot fail.
            do { try loop.run() } catch { preconditionFailure("\(error)") }
        }
        thread.withLock { $0 = started }
    }

    /// Ends it, and waits for that: no longer than one round takes.
    func end() {
        ending.signal()
        thread.withLock { $0?.join() }
    }
}
