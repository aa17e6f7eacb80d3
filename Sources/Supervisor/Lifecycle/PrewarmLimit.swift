import Glibc
public import LinuxSystem

/// How long a prewarmed VM, started ahead of demand, is kept for its first container: for a time, and only while the host
/// has memory.
public struct PrewarmLimit: Sendable {
    /// How often the host's memory is looked at, in milliseconds.
    let interval: UInt64 = 1000
    private let end: UInt64?
    /// Opened before the process confines itself.
    private let memoryInformation: OwnedDescriptor

    /// `atMostSeconds`: 0 for any time.
    public init(atMostSeconds seconds: UInt32) throws(SystemError) {
        end = seconds == 0 ? nil : MonotonicClock.nanoseconds + UInt64(seconds) * 1_000_000_000
        memoryInformation = try OwnedDescriptor(opening: "/proc/meminfo", flags: O_RDONLY)
    }

    /// Whether the VM is to give itself up.
    var isOver: Bool {
        if let end, MonotonicClock.nanoseconds >= end { return true }
        guard let bytes = try? memoryInformation.read(exactly: HostMemory.sizeOfText, at: 0) else { return false }
        return HostMemory(parsing: bytes).map(Self.isScarce) ?? false
    }

    /// Whether less than a tenth of the memory is available (proc_meminfo(5)): prewarmed VMs are the first to go.
    static func isScarce(_ memory: HostMemory) -> Bool { memory.available < memory.total / 10 }
}
