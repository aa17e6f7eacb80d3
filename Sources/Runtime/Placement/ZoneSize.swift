import LinuxSystem

/// The sizes that a zone can have.
public enum ZoneSize {
    /// Zones are made of the guest kernel's memory blocks.
    public static let granularity: UInt64 = 128 << 20
    /// What of a zone its container's memory limit leaves free, so that the limit is met before the zone is full.
    public static let reserve: UInt64 = 8 << 20
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
        let zone = (memoryInBytes + granularity - 1) / granularity * granularity
        if let host = HostMemory.current(), zone > host.total {
            throw .invalid(
                "a zone of \(ByteSize(bytes: zone)) is more than this host's memory of \(ByteSize(bytes: host.total))")
        }
        return zone
    }

    /// memory.max of a container with so much memory in such a zone.
    public static func memoryLimit(_ memoryInBytes: UInt64, inZoneOf zoneSizeInBytes: UInt64) -> UInt64 {
        min(memoryInBytes, zoneSizeInBytes - reserve)
    }
}

/// The host's memory, in bytes.
public struct HostMemory: Sendable {
    public let total: UInt64
    public let available: UInt64

    /// Nil where /proc cannot tell.
    public static func current() -> HostMemory? {
        guard let bytes = try? FileSystem.contents(of: "/proc/meminfo", atMost: 512) else { return nil }
        guard let total = value("MemTotal:", bytes), let available = value("MemAvailable:", bytes) else { return nil }
        return HostMemory(total: total, available: available)
    }

    /// Of a line "NAME   NUMBER kB".
    private static func value(_ name: String, _ text: [UInt8]) -> UInt64? {
        let lines = text.split(separator: UInt8(ascii: "\n"))
        guard let line = lines.first(where: { $0.starts(with: name.utf8) }) else { return nil }
        let digits = line.drop { !(UInt8(ascii: "0")...UInt8(ascii: "9")).contains($0) }
            .prefix { $0 != UInt8(ascii: " ") }
        return UInt64(String(decoding: digits, as: UTF8.self)).map { $0 << 10 }
    }
}
