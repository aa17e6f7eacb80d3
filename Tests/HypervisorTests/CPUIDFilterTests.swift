import Hypervisor
import Testing

@Suite struct CPUIDFilterTests {
    private static let allOnes = CPUIDEntry(function: 0, eax: .max, ebx: .max, ecx: .max, edx: .max)

    /// What the guest sees of a leaf of which the host has every bit.
    private func leaf(_ function: UInt32, index: UInt32 = 0, cpus: Int = 1, cpu: Int = 0) throws -> CPUIDEntry {
        var entry = Self.allOnes
        (entry.function, entry.index) = (function, index)
        let seen = CPUIDFilter(virtualCPUCount: cpus).entries(from: [entry], forVirtualCPU: cpu)
        return try #require(seen.first { $0.function == function && $0.index == index })
    }

    @Test func theGuestSeesAHypervisorAndItsDeadlineTimer() {
        let none = CPUIDEntry(function: 1)
        let seen = CPUIDFilter(virtualCPUCount: 1).entries(from: [none], forVirtualCPU: 0)[0]
        #expect(seen.ecx == 1 << 31 | 1 << 24)
    }

    @Test(arguments: [3, 5, 6, 7, 8, 15])
    func leafOneHides(bit: Int) throws { #expect(try leaf(1).ecx & 1 << bit == 0) }

    @Test func leafOneKeepsWhatIsNotHidden() throws {
        #expect(try leaf(1).ecx == ~(1 << 3 | 1 << 5 | 1 << 6 | 1 << 7 | 1 << 8 | 1 << 15))
        #expect(try leaf(1).eax == .max)
    }

    @Test func enclavesTransactionsAndTracingAreHidden() throws {
        #expect(try leaf(7).ebx == ~(1 << 2 | 1 << 4 | 1 << 11 | 1 << 25))
        #expect(try leaf(7, index: 1) == CPUIDEntry(function: 7, index: 1, eax: .max, ebx: .max, ecx: .max, edx: .max))
    }

    @Test func nestedVirtualizationIsHiddenOnAMD() throws {
        #expect(try leaf(0x8000_0001).ecx == ~(1 << 2 | 1 << 12 | 1 << 13 | 1 << 23 | 1 << 24 | 1 << 28))
    }

    @Test(arguments: [0xA, 0x12, 0x14, 0x1F, 0x8000_000A, 0x8000_001F, 0x8000_0022] as [UInt32])
    func leafIsDropped(function: UInt32) {
        var entry = Self.allOnes
        entry.function = function
        let seen = CPUIDFilter(virtualCPUCount: 2).entries(from: [entry], forVirtualCPU: 0)
        #expect(!seen.contains { $0.function == function })
    }

    @Test func aSingleProcessorHasNoSiblings() throws {
        let features = try leaf(1)
        #expect(features.ebx >> 16 == 0x0001)
        #expect(features.edx & 1 << 28 == 0)
    }

    @Test func processorsAreNumberedByTheirIndex() throws {
        let features = try leaf(1, cpus: 6, cpu: 5)
        #expect(features.ebx == 0x0506_ffff)
        #expect(features.edx & 1 << 28 != 0)
        #expect(try leaf(0x8000_001E, cpus: 6, cpu: 5).eax == 5)
        #expect(try leaf(0x8000_001E, cpus: 6, cpu: 5).ebx == 5)
        #expect(try leaf(0x8000_001E, cpus: 6, cpu: 5).ecx == 0)
    }

    @Test func cachesAreACoresOwn() throws {
        #expect(try leaf(4, cpus: 4).eax == 3 << 26 | 0x3fff)
        #expect(try leaf(0x8000_001D, cpus: 4).eax == 0x3fff)
    }

    /// Cores and the bits that number them: enough for all, and not one more.
    @Test(arguments: [(1, 0), (2, 1), (3, 2), (4, 2), (5, 3), (64, 6), (65, 7)])
    func coresAreCounted(cpus: Int, bits: Int) throws {
        #expect(try leaf(0x8000_0008, cpus: cpus).ecx & 0xf0ff == UInt32(bits << 12 | (cpus - 1)))
        let entries = CPUIDFilter(virtualCPUCount: cpus).entries(from: [], forVirtualCPU: cpus - 1)
        let topology = entries.filter { $0.function == 0xB }
        #expect(topology.map(\.index) == [0, 1])
        #expect(topology.map(\.eax) == [0, UInt32(bits)])
        #expect(topology.map(\.ebx) == [1, UInt32(cpus)])
        #expect(topology.map(\.ecx) == [0x100, 0x201])
        #expect(topology.allSatisfy { $0.edx == UInt32(cpus - 1) && $0.flags == 1 })
    }

    /// KVMs before Linux 6.3 answer leaf 0xB with the host's topology, later ones with a single empty level.
    @Test func theHostsTopologyIsReplaced() {
        let host = (0..<4).map { CPUIDEntry(function: 0xB, index: $0, flags: 1, eax: 5, ebx: 32, ecx: $0, edx: 77) }
        let seen = CPUIDFilter(virtualCPUCount: 2).entries(from: host, forVirtualCPU: 1)
        #expect(seen == CPUIDFilter(virtualCPUCount: 2).entries(from: [], forVirtualCPU: 1))
    }

    @Test func theTopologyLeafIsWithinTheLeavesThatThereAre() {
        let filter = CPUIDFilter(virtualCPUCount: 1)
        #expect(filter.entries(from: [CPUIDEntry(function: 0, eax: 7)], forVirtualCPU: 0)[0].eax == 0xB)
        #expect(filter.entries(from: [CPUIDEntry(function: 0, eax: 0x20)], forVirtualCPU: 0)[0].eax == 0x20)
    }
}
