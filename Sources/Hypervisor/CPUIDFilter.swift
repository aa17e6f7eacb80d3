/// Which of the host processor's features a guest gets, and how its processors are numbered.
///
/// Pure: takes what KVM supports, gives what the guest shall see.
public struct CPUIDFilter: Sendable {
    /// From 1 up.
    public let virtualCPUCount: Int

    /// `virtualCPUCount` from 1 up: one socket, a core each, no threads.
    public init(virtualCPUCount: Int) { self.virtualCPUCount = virtualCPUCount }

    /// The entries of the vCPU with this index, which is also its local APIC's number.
    public func entries(from supported: [CPUIDEntry], forVirtualCPU index: Int) -> [CPUIDEntry] {
        let apicID = UInt32(index)
        let kept = supported.filter { !Self.dropped.contains($0.function) }.map { entry in
            var entry = entry
            restrict(&entry)
            number(&entry, apicID)
            return entry
        }
        return kept + extendedTopology(apicID)
    }

    /// Whole leaves that a guest has no use for: performance counters (0xA, 0x80000022), processor trace (0x14),
    /// SGX (0x12), SVM's own features (0x8000000A), memory encryption (0x8000001F). And the topology leaves 0xB and
    /// 0x1F, which are made anew: older KVMs answer with the host's own topology, newer ones with none.
    private static let dropped: Set<UInt32> = [0xA, 0xB, 0x12, 0x14, 0x1F, 0x8000_000A, 0x8000_001F, 0x8000_0022]
    private static let topologyLeaf: UInt32 = 0xB

    private func restrict(_ entry: inout CPUIDEntry) {
        switch (entry.function, entry.index) {
        case (1, _):
            // Kept from the guest: MONITOR (bit 3) and the deprecated VMX (5), SMX (6), performance-state (7, 8), PDCM
            // (15): nothing to monitor, and no hypervisor below ours to attack. TSC deadline (24) is KVM's own, and
            // bit 31 says that there is a hypervisor.
            entry.ecx &= ~(1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 15)
            entry.ecx |= 1 << 24 | 1 << 31
        case (7, 0):
            // SGX (EBX 2), TSX (EBX 4, 11) and processor trace (EBX 25): attack surface without a use.
            entry.ebx &= ~(1 << 2 | 1 << 4 | 1 << 11 | 1 << 25)
        case (0x8000_0001, _):
            // SVM (ECX 2), skinit (12), watchdog and performance counters (13, 23, 24, 28).
            entry.ecx &= ~(1 << 2 | 1 << 12 | 1 << 13 | 1 << 23 | 1 << 24 | 1 << 28)
        default: break
        }
    }

    private func number(_ entry: inout CPUIDEntry, _ apicID: UInt32) {
        let count = UInt32(virtualCPUCount)
        switch entry.function {
        case 0: entry.eax = max(entry.eax, Self.topologyLeaf)
        case 1:
            entry.ebx = entry.ebx & 0x0000_ffff | min(count, 255) << 16 | apicID << 24
            entry.edx = count > 1 ? entry.edx | 1 << 28 : entry.edx & ~(1 << 28)
        case 4, 0x8000_001D:
            // Caches are each core's own: no sharing, so that the guest's scheduler sees what the host gives.
            entry.eax &= 0x0000_3fff
            if entry.function == 4 { entry.eax |= min(count - 1, 63) << 26 }
        case 0x8000_0008: entry.ecx = entry.ecx & ~0xf0ff | (count - 1) & 0xff | idBits << 12
        case 0x8000_001E:
            entry.eax = apicID
            entry.ebx = apicID & 0xff
            entry.ecx = 0
        default: break
        }
    }

    /// Bits of an APIC number that differ between cores.
    private var idBits: UInt32 {
        virtualCPUCount <= 1 ? 0 : UInt32(UInt.bitWidth - (virtualCPUCount - 1).leadingZeroBitCount)
    }

    /// Leaf 0xB. Level 0: threads of a core (one); level 1: cores of the socket. KVM itself ends the list behind them.
    private func extendedTopology(_ apicID: UInt32) -> [CPUIDEntry] {
        let indexMatters: UInt32 = 1  // KVM_CPUID_FLAG_SIGNIFCANT_INDEX
        return [
            CPUIDEntry(
                function: Self.topologyLeaf, index: 0, flags: indexMatters, eax: 0, ebx: 1, ecx: 1 << 8, edx: apicID),
            CPUIDEntry(
                function: Self.topologyLeaf, index: 1, flags: indexMatters, eax: idBits, ebx: UInt32(virtualCPUCount),
                ecx: 2 << 8 | 1, edx: apicID),
        ]
    }
}
