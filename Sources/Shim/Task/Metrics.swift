import AgentProtocol
import ContainerdAPI
import SwiftProtobuf

/// A container's use of resources in the form that every containerd reads (containerd/cgroups, stats/v1).
///
/// The guest's numbers are its own word: what cannot be is cut to what can, and none of it decides anything on the host.
struct Metrics {
    let message: Io_Containerd_Cgroups_V1_Metrics

    init(_ measure: ContainerMeasure?, zoneSizeInBytes: UInt64) {
        var metrics = Io_Containerd_Cgroups_V1_Metrics()
        let measure = measure ?? ContainerMeasure(container: ContainerNumber(0))
        func memory(_ bytes: UInt64) -> UInt64 { min(bytes, zoneSizeInBytes) }
        metrics.pids.current = min(measure.processes, 4_194_304)
        metrics.pids.limit = measure.processesMax == .max ? 0 : measure.processesMax
        metrics.cpu.usage.total = measure.cpuUsage
        metrics.cpu.usage.user = measure.cpuUser
        metrics.cpu.usage.kernel = measure.cpuSystem
        metrics.cpu.throttling.periods = measure.cpuPeriods
        metrics.cpu.throttling.throttledPeriods = measure.cpuThrottledPeriods
        metrics.cpu.throttling.throttledTime = measure.cpuThrottled
        metrics.memory.usage.usage = memory(measure.memoryCurrent)
        metrics.memory.usage.max = memory(measure.memoryPeak)
        metrics.memory.usage.limit =
            measure.memoryMax == 0 || measure.memoryMax == .max ? zoneSizeInBytes : measure.memoryMax
        metrics.memory.usage.failcnt = measure.maxEvents
        metrics.memory.rss = memory(measure.anonymous)
        metrics.memory.totalRss = memory(measure.anonymous)
        metrics.memory.cache = memory(measure.file)
        metrics.memory.totalCache = memory(measure.file)
        metrics.memory.inactiveFile = memory(measure.inactiveFile)
        metrics.memory.totalInactiveFile = memory(measure.inactiveFile)
        metrics.memory.pgFault = measure.pageFaults
        metrics.memory.totalPgFault = measure.pageFaults
        metrics.memory.pgMajFault = measure.majorPageFaults
        metrics.memory.totalPgMajFault = measure.majorPageFaults
        metrics.memory.kernel.usage = measure.kernel
        message = metrics
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
