import AgentProtocol
import ControlProtocol
import LinuxSystem

/// Times a zone's coming and going by the host's clock. Protected by the device lock.
struct ZoneStopwatch {
    private(set) var times: ZoneTimes
    private var requestedAt: UInt64 = 0
    private var endedAt: UInt64 = 0

    init(node: UInt32) { times = ZoneTimes(node: node) }

    /// The zone is asked for.
    mutating func begin() {
        requestedAt = MonotonicClock.nanoseconds
        (times.plugged, times.online) = (0, 0)
    }

    mutating func notePlugged() { if times.plugged == 0 { times.plugged = Self.elapsed(since: requestedAt) } }
    mutating func noteOnline() { if times.online == 0 { times.online = Self.elapsed(since: requestedAt) } }

    /// Its container has ended.
    mutating func beginReturn() {
        endedAt = MonotonicClock.nanoseconds
        (times.offline, times.returned, times.pagesMigrated, times.steps) = (0, 0, 0, [])
    }

    mutating func noteOffline(_ steps: [StepTiming], pagesMigrated: UInt64) {
        times.offline = Self.elapsed(since: endedAt)
        times.pagesMigrated = pagesMigrated
        times.steps = Array(steps.prefix(2 * Limits.timings))
    }

    mutating func noteReturned() {
        times.returned = Self.elapsed(since: endedAt)
        times.returns += 1
    }

    private static func elapsed(since start: UInt64) -> UInt64 { max(1, (MonotonicClock.nanoseconds - start) / 1000) }
}
