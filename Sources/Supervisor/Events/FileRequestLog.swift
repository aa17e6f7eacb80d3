import LinuxSystem
import Logging
import Logs
import Synchronization

/// Logs malformed requests for files, within a limit of its own. The file server counts them. Any thread may use it,
/// with no lock held or the file server's.
final class FileRequestLog: Sendable {
    private let logger: Logger
    private let limit: Mutex<LogRateLimit>

    init(_ logger: Logger) {
        self.logger = logger
        limit = Mutex(LogRateLimit(burst: 10, linesPerSecond: 1, now: MonotonicClock.nanoseconds))
    }

    func noteMalformed(_ reason: String) {
        guard let suppressed = limit.withLock({ $0.admit(now: MonotonicClock.nanoseconds) }) else { return }
        let metadata: Logger.Metadata? = suppressed > 0 ? ["suppressed": .stringConvertible(suppressed)] : nil
        logger.warning("a request of the guest's for files is none: \(reason)", metadata: metadata)
    }
}
