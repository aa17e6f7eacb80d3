import AgentProtocol
import ContainerdAPI
import LinuxSystem
import Runtime
import SwiftProtobuf

/// A container's use of resources in the form that every containerd reads (containerd/cgroups, stats/v1).
///
/// The guest's numbers are its own word: what cannot be is cut to what can, and none of it decides anything on the host.
struct Metrics {
    let message: Io_Containerd_Cgroups_V1_Metrics

    init(_ measure: ContainerMeasure?, zoneSizeInBytes: UInt64, cpuNanoseconds: UInt64) {
        var metrics = Io_Containerd_Cgroups_V1_Metrics()
        let measure = (measure ?? ContainerMeasure(container: ContainerNumber(0)))
            .plausible(memoryInBytes: zoneSizeInBytes, cpuNanoseconds: cpuNanoseconds)
        metrics.pids.current = measure.processes
        metrics.pids.limit = measure.processesMax == .max ? 0 : measure.processesMax
        metrics.cpu.usage.total = measure.cpuUsage
        metrics.cpu.usage.user = measure.cpuUser
        metrics.cpu.usage.kernel = measure.cpuSystem
        metrics.cpu.throttling.periods = measure.cpuPeriods
        metrics.cpu.throttling.throttledPeriods = measure.cpuThrottledPeriods
        metrics.cpu.throttling.throttledTime = measure.cpuThrottled
        metrics.memory.usage.usage = measure.memoryCurrent
        metrics.memory.usage.max = measure.memoryPeak
        metrics.memory.usage.limit = measure.memoryMax
        metrics.memory.usage.failcnt = measure.maxEvents
        metrics.memory.rss = measure.anonymous
        metrics.memory.totalRss = measure.anonymous
        metrics.memory.cache = measure.file
        metrics.memory.totalCache = measure.file
        metrics.memory.inactiveFile = measure.inactiveFile
        metrics.memory.totalInactiveFile = measure.inactiveFile
        metrics.memory.pgFault = measure.pageFaults
        metrics.memory.totalPgFault = measure.pageFaults
        metrics.memory.pgMajFault = measure.majorPageFaults
        metrics.memory.totalPgMajFault = measure.majorPageFaults
        metrics.memory.kernel.usage = measure.kernel
        message = metrics
    }
}

/// The processor time that a container has had: never less than was reported before, and never more than its VM's
/// processors can have given since the container was made. A reader takes a counter that falls for a very great
/// difference.
struct ProcessorTime {
    private let madeAt = MonotonicClock.nanoseconds
    private var reported: UInt64 = 0

    /// The most that it can be by now, in nanoseconds.
    func most(virtualCPUs: UInt32) -> UInt64 {
        let passed = MonotonicClock.nanoseconds - madeAt
        let (time, overflow) = passed.multipliedReportingOverflow(by: UInt64(virtualCPUs))
        return max(reported, overflow ? .max : time)
    }

    mutating func report(_ nanoseconds: UInt64) -> UInt64 {
        reported = max(reported, nanoseconds)
        return reported
    }
}

extension Google_Protobuf_Any {
    /// containerd knows types by their names alone.
    init(metrics: Io_Containerd_Cgroups_V1_Metrics) throws {
        self.init()
        typeURL = Io_Containerd_Cgroups_V1_Metrics.protoMessageName
        value = try metrics.serializedData()
    }
}
