import Geometry
import LinuxSystem

/// The sizes that a zone can have.
public enum ZoneSize {
    private static let greatest: UInt64 = 1 << 40

    /// The size of the zone that a container with so much memory gets.
    /// - Throws: `RuntimeError.invalid` when the host could never have it.
    public static func fitting(_ memoryInBytes: UInt64) throws(RuntimeError) -> UInt64 {
        let size = ByteSize(bytes: memoryInBytes)
        guard memoryInBytes > 0, memoryInBytes <= greatest else {
            throw .invalid("a container's memory cannot be \(size): expected 4 MiB to \(ByteSize(bytes: greatest))")
        }
        guard memoryInBytes >= 4 << 20 else {
            throw .invalid("a container's memory of \(size) is too little to start anything: expected at least 4 MiB")
        }
        let zone = ZoneGeometry.wholeBlocks(holding: memoryInBytes) ?? greatest
        if let host = HostMemory.total, zone > host {
            throw .invalid(
                "a zone of \(ByteSize(bytes: zone)) is more than this host's memory of \(ByteSize(bytes: host))")
        }
        return zone
    }

    /// What the zone of a container without a limit of its own grows to on this host.
    public static func elastic(_ configuration: Configuration) throws(RuntimeError) -> UInt64 {
        try elastic(configuration, memory: HostMemory.total, addressBits: PhysicalAddresses.bits())
    }

    /// What the zone of a container without a limit of its own grows to: the configured maximum, by default half of the
    /// host's memory; no more than the host has and than all zones of a VM have addresses for, and no less than it
    /// begins with.
    /// - Parameter memory: the host's, in bytes; nil: unknown, and no limit.
    static func elastic(
        _ configuration: Configuration, memory: UInt64?, addressBits: Int
    ) throws(RuntimeError) -> UInt64 {
        let first = try fitting(configuration.zoneSizeInBytes)
        let total = memory ?? greatest
        let wanted = min(configuration.zoneMaxInBytes ?? total / 2, total, greatest)
        let reach = ZoneAddresses.largestZone(
            count: configuration.zonesPerMachine, baseMemory: configuration.baseMemoryInBytes,
            physicalAddressBits: addressBits)
        return max(first, min(wanted, reach) / ZoneGeometry.blockSizeInBytes * ZoneGeometry.blockSizeInBytes)
    }

    /// memory.max of a container with so much memory in such a zone.
    public static func memoryLimit(_ memoryInBytes: UInt64, inZoneOf zoneSizeInBytes: UInt64) -> UInt64 {
        min(memoryInBytes, ZoneGeometry.maxMemoryLimit(inZoneOf: zoneSizeInBytes))
    }
}
