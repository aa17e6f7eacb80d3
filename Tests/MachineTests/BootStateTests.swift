import Hypervisor
import Machine
import Memory
import Testing

@Suite struct BootStateTests {
    private let state = BootState(entry: GuestAddress(0x100_0000))

    /// Walks the page tables as the processor would (AMD64 manual vol. 2 §5.3).
    private func translate(_ address: UInt64, in memory: GuestMemory) throws -> UInt64? {
        var table = state.longMode.cr3
        for shift in [39, 30, 21] as [UInt64] {
            let entry = try memory.load(UInt64.self, at: GuestAddress(table + (address >> shift & 0x1ff) * 8))
            guard entry & 1 == 1 else { return nil }
            if entry & 0x80 != 0 {
                return entry & 0x000f_ffff_ffff_f000 & ~(1 << shift - 1) | address & (1 << shift - 1)
            }
            table = entry & 0x000f_ffff_ffff_f000
        }
        return nil
    }

    @Test(arguments: [0, 0x8000, 0x1f_ffff, 0x20_0000, 0x100_0000, 0x4000_0000, 0xbfff_ffff, 0xffff_ffff] as [UInt64])
    func theFirst4GiBAreMappedToThemselves(address: UInt64) throws {
        let memory = try freshMemory(1 << 20)
        try BootState.writeTables(into: memory)
        #expect(try translate(address, in: memory) == address)
    }

    @Test func beyond4GiBNothingIsMapped() throws {
        let memory = try freshMemory(1 << 20)
        try BootState.writeTables(into: memory)
        #expect(try translate(0x1_0000_0000, in: memory) == nil)
    }

    @Test func segmentsAreWhatTheDescriptorTableSays() throws {
        let memory = try freshMemory(1 << 20)
        try BootState.writeTables(into: memory)
        let mode = state.longMode
        for segment in [mode.code, mode.data, mode.task] {
            #expect(UInt64(segment.selector) + 7 <= UInt64(mode.gdtLimit))
            let entry = try memory.load(UInt64.self, at: GuestAddress(mode.gdtBase + UInt64(segment.selector)))
            let limit = UInt32(entry & 0xffff | entry >> 32 & 0xf_0000)
            let granular = entry >> 55 & 1 == 1
            #expect((granular ? limit << 12 | 0xfff : limit) == segment.limit)
            #expect(UInt8(entry >> 40 & 0xf) == segment.type)
            #expect((entry >> 44 & 1 == 1) == segment.isCodeOrData)
            #expect(entry >> 47 & 1 == 1)
            #expect((entry >> 53 & 1 == 1) == segment.isLong)
            #expect((entry >> 54 & 1 == 1) == segment.is32Bit)
            #expect(granular == segment.hasPageGranularity)
        }
        #expect(mode.code.selector == 0x10 && mode.data.selector == 0x18)
    }

    @Test func theKernelIsEnteredIn64BitModeWithTheZeroPageInRSI() {
        #expect(state.registers.rip == 0x100_0000)
        #expect(state.registers.rsi == AddressMap.zeroPage.rawValue)
        #expect(state.registers.rflags & 0x200 == 0)
        #expect(state.longMode.cr0 & 0x8000_0001 == 0x8000_0001)
        #expect(state.longMode.cr4 & 0x20 != 0)
        #expect(state.longMode.efer & 0x500 == 0x500)
    }
}
