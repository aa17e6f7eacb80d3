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
        if let host = HostMemory.current(), zone > host.total {
            throw .invalid(
                "a zone of \(ByteSize(bytes: zone)) is more than this host's memory of \(ByteSize(bytes: host.total))")
        }
        return zone
    }

    /// memory.max of a container with so much memory in such a zone.
    public static func memoryLimit(_ memoryInBytes: UInt64, inZoneOf zoneSizeInBytes: UInt64) -> UInt64 {
        min(memoryInBytes, ZoneGeometry.maxMemoryLimit(inZoneOf: zoneSizeInBytes))
    }
}
