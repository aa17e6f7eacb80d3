import LinuxSystem
import Logging
import Logs
import Synchronization

/// Logs malformed requests for files, within a limit of its own, and the loss of who serves them. The file server
/// counts requests. Any thread may use it, with no lock held or the file server's.
final class FileRequestLog: Sendable {
    private let logger: Logger
    private let limit: Mutex<LogRateLimit>

    init(_ logger: Logger) {
        self.logger = logger
        limit = Mutex(LogRateLimit(burst: 10, linesPerSecond: 1, now: MonotonicClock.nanoseconds))
    }

    /// No more often than clients bring another process.
    func noteLoss(_ reason: String) {
        logger.warning("the process that serves the VM's volumes is given up, and they are gone: \(reason)")
    }

    func noteMalformed(_ reason: String) {
        guard let suppressed = limit.withLock({ $0.admit(now: MonotonicClock.nanoseconds) }) else { return }
        let metadata: Logger.Metadata? = suppressed > 0 ? ["suppressed": .stringConvertible(suppressed)] : nil
        logger.warning("a request of the guest's for files is none: \(reason)", metadata: metadata)
    }
}
