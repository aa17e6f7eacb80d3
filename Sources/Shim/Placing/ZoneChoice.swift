import OCI
import Runtime
import TTRPC

/// The sizes of a container's zone.
struct ZoneChoice: Sendable {
    /// What is plugged for it at first.
    let own: UInt64
    /// What the VM's zones have, which it can grow to.
    let machine: UInt64
    /// What it grows to by itself, as it has no limit of its own; 0: it does not.
    let elastic: UInt64
    /// memory.max.
    let limit: UInt64

    init(_ spec: RuntimeSpec, _ membership: Membership, _ configuration: Configuration) throws {
        let asked = spec.linux?.resources?.memory?.limit.flatMap { $0 > 0 ? UInt64($0) : nil }
        let memory = asked ?? configuration.zoneSizeInBytes
        own = try Self.zone(for: memory)
        machine = max(own, try membership.zoneSizeInBytes ?? ZoneSize.elastic(configuration))
        elastic = asked == nil && machine > own ? machine : 0
        limit = ZoneSize.memoryLimit(elastic > 0 ? elastic : memory, inZoneOf: max(own, elastic))
    }

    /// - Throws: `invalidArgument` where the size is less than a zone can have, or more than this host has.
    static func zone(for memoryInBytes: UInt64) throws(Status) -> UInt64 {
        do { return try ZoneSize.fitting(memoryInBytes) } catch { throw Status(.invalidArgument, error.description) }
    }
}
