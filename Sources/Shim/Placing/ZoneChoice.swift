import OCI
import Runtime
import TTRPC

/// The sizes of a container's zone.
struct ZoneChoice: Sendable {
    /// What is plugged for it at first.
    let own: UInt64
    /// What the VM's zones have, which it can grow to.
    let machine: UInt64
    /// memory.max.
    let limit: UInt64

    init(_ spec: RuntimeSpec, _ membership: Membership, _ configuration: Configuration) throws {
        let asked = spec.linux?.resources?.memory?.limit.flatMap { $0 > 0 ? UInt64($0) : nil }
        let memory = asked ?? configuration.zoneSizeInBytes
        own = try Self.zone(for: memory)
        let sizeClass = try membership.zoneSizeInBytes ?? ZoneSize.fitting(configuration.zoneSizeInBytes)
        machine = max(own, sizeClass)
        limit = ZoneSize.memoryLimit(memory, inZoneOf: own)
    }

    /// - Throws: `invalidArgument` where no host gives so little, or this one has not so much.
    static func zone(for memoryInBytes: UInt64) throws(Status) -> UInt64 {
        do { return try ZoneSize.fitting(memoryInBytes) } catch { throw Status(.invalidArgument, error.description) }
    }
}
