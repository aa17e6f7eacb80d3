import Memory
import Zones

/// The tables that make each zone a NUMA node of its own: node 0 has the processors and the base memory, node k + 1 is
/// zone k.
extension TableWriter {
    /// Distances of the SLIT: a container whose zone is full must fall back to node 0 rather than to another
    /// container's zone.
    private static let toItself: UInt8 = 10
    private static let betweenBaseAndZone: UInt8 = 15
    private static let betweenZones: UInt8 = 250

    /// System Resource Affinity Table (ACPI 6.5 §5.2.16).
    mutating func srat(processorCount: Int, layout: MachineLayout) -> Int {
        table("SRAT", revision: 3) {
            $0.u32(1)
            $0.u64(0)
            for id in 0..<UInt32(processorCount) {
                if id < 255 { $0.localAPICAffinity(id: UInt8(id)) } else { $0.localX2APICAffinity(id: id) }
            }
            for range in layout.baseRanges { $0.memoryAffinity(range, node: 0, hotPluggable: false) }
            for zone in layout.zones { $0.memoryAffinity(zone.range, node: zone.node, hotPluggable: true) }
        }
    }

    /// System Locality Information Table (§5.2.17).
    mutating func slit(zoneCount: Int) -> Int {
        table("SLIT", revision: 1) {
            $0.u64(UInt64(zoneCount + 1))
            $0.u8(Self.toItself)
            $0.fill(Self.betweenBaseAndZone, zoneCount)
            for zone in 0..<zoneCount {
                $0.u8(Self.betweenBaseAndZone)
                $0.fill(Self.betweenZones, zone)
                $0.u8(Self.toItself)
                $0.fill(Self.betweenZones, zoneCount - 1 - zone)
            }
        }
    }

    /// §5.2.16.1, node 0.
    private mutating func localAPICAffinity(id: UInt8) {
        u8(0)
        u8(16)
        u8(0)  // node, bits 0–7
        u8(id)
        u32(1)  // enabled
        u64(0)  // SAPIC EID, node bits 8–31, clock domain
    }

    /// §5.2.16.3, node 0.
    private mutating func localX2APICAffinity(id: UInt32) {
        u8(2)
        u8(24)
        u16(0)
        u32(0)  // node
        u32(id)
        u32(1)  // enabled
        u64(0)  // clock domain, reserved
    }

    /// §5.2.16.2.
    private mutating func memoryAffinity(_ range: GuestRange, node: UInt32, hotPluggable: Bool) {
        u8(1)
        u8(40)
        u32(node)
        u16(0)
        u64(range.start.rawValue)
        u64(range.sizeInBytes)
        u32(0)
        u32(hotPluggable ? 3 : 1)  // enabled, hot-pluggable
        u64(0)
    }
}
