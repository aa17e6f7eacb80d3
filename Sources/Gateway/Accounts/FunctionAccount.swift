import LinuxSystem
import Metrics
import Synchronization

/// What a function has used, since the gateway began. Any thread may add to it.
final class FunctionAccount: Sendable {
    struct Totals: Equatable, Sendable {
        var requests: UInt64 = 0
        /// Answered with 5xx, or not at all.
        var errors: UInt64 = 0
        /// Requests that waited for a container, and those that did not.
        var queued: UInt64 = 0
        var coldStarts: UInt64 = 0
        var failedStarts: UInt64 = 0
        /// From a request's coming to its container, and from there to the end of its answer.
        var queueTime = Histogram(bounds: FunctionAccount.bounds)
        var runTime = Histogram(bounds: FunctionAccount.bounds)
        /// Of containers that have ended: what their zones had plugged, times how long, in MB·ms.
        var memoryMillisecondMegabytes: UInt64 = 0
        var bytesIn: UInt64 = 0
        var bytesOut: UInt64 = 0
    }

    /// In microseconds.
    static let bounds: [UInt64] = [
        1000, 5000, 10_000, 25_000, 50_000, 100_000, 250_000, 500_000, 1_000_000, 2_500_000, 5_000_000, 10_000_000,
        30_000_000, 60_000_000,
    ]

    private let totals = Mutex(Totals())

    var current: Totals { totals.withLock { $0 } }

    func noteColdStart() { totals.withLock { $0.coldStarts += 1 } }
    func noteFailedStart() { totals.withLock { $0.failedStarts += 1 } }

    func note(memory container: FunctionContainer) {
        let used = container.memoryMillisecondMegabytes
        totals.withLock { totals in
            totals.memoryMillisecondMegabytes = saturatingSum(totals.memoryMillisecondMegabytes, used)
        }
    }

    func note(_ record: RequestRecord.Outcome) {
        totals.withLock { totals in
            totals.requests += 1
            if record.status >= 500 || record.status == 0 { totals.errors += 1 }
            if record.wasQueued { totals.queued += 1 }
            totals.queueTime.observe(microseconds: record.queueMicroseconds)
            totals.runTime.observe(microseconds: record.runMicroseconds)
            totals.bytesIn = saturatingSum(totals.bytesIn, UInt64(clamping: record.bytesIn))
            totals.bytesOut = saturatingSum(totals.bytesOut, UInt64(clamping: record.bytesOut))
        }
    }
}
