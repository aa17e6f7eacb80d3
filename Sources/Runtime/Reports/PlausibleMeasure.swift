public import AgentProtocol

extension ContainerMeasure {
    /// Greater counts are reported as this: sums of many stay within 64 bits, and a floating-point number holds each.
    private static var greatestCount: UInt64 { 1 << 53 }
    private static var maxProcessCount: UInt64 { UInt64(Limits.processID) }

    /// What the guest says, cut to what can be. A hostile one says anything.
    ///
    /// - Parameters:
    ///   - memoryInBytes: all that the container can have.
    ///   - cpuNanoseconds: what the VM's processors can have given it by now.
    public func plausible(memoryInBytes: UInt64, cpuNanoseconds: UInt64) -> ContainerMeasure {
        func memory(_ bytes: UInt64) -> UInt64 { min(bytes, memoryInBytes) }
        func time(_ nanoseconds: UInt64) -> UInt64 { min(nanoseconds, cpuNanoseconds) }
        func count(_ number: UInt64) -> UInt64 { min(number, Self.greatestCount) }
        var cut = self
        (cut.memoryCurrent, cut.memoryPeak) = (memory(memoryCurrent), memory(memoryPeak))
        cut.memoryMax = memoryMax == 0 ? memoryInBytes : memory(memoryMax)
        (cut.anonymous, cut.file, cut.shared) = (memory(anonymous), memory(file), memory(shared))
        (cut.kernel, cut.inactiveFile) = (memory(kernel), memory(inactiveFile))
        (cut.zoneTotal, cut.zoneUsed) = (memory(zoneTotal), memory(zoneUsed))
        (cut.pageFaults, cut.majorPageFaults) = (count(pageFaults), count(majorPageFaults))
        (cut.maxEvents, cut.oomEvents, cut.oomKills) = (count(maxEvents), count(oomEvents), count(oomKills))
        cut.cpuUsage = time(cpuUsage)
        cut.cpuUser = min(cpuUser, cut.cpuUsage)
        cut.cpuSystem = min(cpuSystem, cut.cpuUsage - cut.cpuUser)
        (cut.cpuPeriods, cut.cpuThrottledPeriods) = (count(cpuPeriods), count(cpuThrottledPeriods))
        cut.cpuThrottled = count(cpuThrottled)
        cut.processes = min(processes, Self.maxProcessCount)
        if processesMax != .max { cut.processesMax = min(processesMax, Self.maxProcessCount) }
        return cut
    }
}
