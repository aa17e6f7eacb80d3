public import LinuxSystem

/// How long a prewarmed VM is kept for its first container: for a time, and only while the host
/// has memory.
public struct PrewarmLimit: Sendable {
    /// How often the host's memory is looked at, in milliseconds.
    let interval: UInt64 = 1000
    private let end: UInt64?
    private let host: HostMemoryFile

    /// `atMostSeconds`: 0 for any time.
    public init(atMostSeconds seconds: UInt32, of host: HostMemoryFile) {
        end = seconds == 0 ? nil : MonotonicClock.nanoseconds + UInt64(seconds) * 1_000_000_000
        self.host = host
    }

    /// Whether the VM is to give itself up.
    var isOver: Bool {
        if let end, MonotonicClock.nanoseconds >= end { return true }
        return host.memory.map(Self.isScarce) ?? false
    }

    /// Whether less than a tenth of the memory is available (proc_meminfo(5)): prewarmed VMs are the first to go.
    static func isScarce(_ memory: HostMemory) -> Bool { memory.available < memory.total / 10 }
}
