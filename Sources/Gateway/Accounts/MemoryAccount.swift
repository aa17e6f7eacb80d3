import Metrics

/// What a container's zone has had plugged, and how long. Times are `MonotonicClock`'s, in nanoseconds.
struct MemoryAccount {
    private(set) var hasBegun = false
    private var sizeInBytes: UInt64 = 0
    private var since: UInt64 = 0
    private var sum: UInt64 = 0

    /// From now on it has this much.
    mutating func note(_ sizeInBytes: UInt64, at time: UInt64) {
        sum = megabyteMilliseconds(at: time)
        (hasBegun, self.sizeInBytes, since) = (true, sizeInBytes, time)
    }

    /// In MB·ms, up to now.
    func megabyteMilliseconds(at time: UInt64) -> UInt64 {
        let milliseconds = (max(time, since) - since) / 1_000_000
        let used = (sizeInBytes >> 20).multipliedReportingOverflow(by: milliseconds)
        return saturatingSum(sum, used.overflow ? .max : used.partialValue)
    }
}
