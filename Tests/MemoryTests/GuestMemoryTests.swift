import LinuxSystem
import Memory
import Testing

@Suite struct GuestMemoryTests {
    private func memory(pages: Int = 2, at start: UInt64 = 0x1000) throws -> GuestMemory {
        let memory = GuestMemory()
        try memory.addRegion(at: GuestAddress(start), backedBy: Mapping(.anonymous, sizeInBytes: pages * 4096))
        return memory
    }

    @Test func bytesComeBackAsWritten() throws {
        let memory = try memory()
        try memory.write([1, 2, 3, 4, 5], at: GuestAddress(0x1ffe))
        #expect(try memory.read(5, at: GuestAddress(0x1ffe)) == [1, 2, 3, 4, 5])
        #expect(try memory.load(UInt32.self, at: GuestAddress(0x1ffe)) == 0x0403_0201)
    }

    @Test(arguments: [UInt64(0xfff), 0x2fff, 0x3000, .max, .max - 1])
    func anAccessThatLeavesTheRegionIsRefused(address: UInt64) throws {
        let memory = try memory()
        #expect(throws: GuestMemoryError.notMapped(address: GuestAddress(address), sizeInBytes: 8)) {
            try memory.load(UInt64.self, at: GuestAddress(address))
        }
    }

    @Test func anOddRingIndexIsRefused() throws {
        let memory = try memory()
        #expect(throws: GuestMemoryError.misaligned(GuestAddress(0x1001))) {
            try memory.loadAcquire(at: GuestAddress(0x1001))
        }
    }

    @Test func aRemovedRegionIsOutOfReach() throws {
        let memory = try memory()
        #expect(memory.removeRegion(at: GuestAddress(0x1000)))
        #expect(!memory.isMapped(GuestAddress(0x1000), sizeInBytes: 1))
    }

    @Test func aReadOnlyRegionIsReadAndNothingElse() throws {
        let memory = try memory()
        let image = try Mapping(.anonymous, sizeInBytes: 4096)
        let address = GuestAddress(0x10_0000)
        try memory.addReadOnlyRegion(at: address, backedBy: image)
        #expect(try memory.read(4, at: address) == [0, 0, 0, 0])
        #expect(try memory.load(UInt64.self, at: GuestAddress(0x10_0ff8)) == 0)
        #expect(throws: GuestMemoryError.self) { try memory.load(UInt64.self, at: GuestAddress(0x10_0ff9)) }
        #expect(throws: GuestMemoryError.self) { try memory.write([1], at: address) }
        #expect(throws: GuestMemoryError.self) { try memory.store(UInt16(1), at: address) }
        #expect(throws: GuestMemoryError.self) { try memory.loadAcquire(at: address) }
        #expect(!memory.isMapped(address, sizeInBytes: 1))
        #expect(memory.ranges.count == 1)
        let mapping = try Mapping(.anonymous, sizeInBytes: 4096)
        #expect(throws: GuestMemoryError.self) { try memory.addRegion(at: address, backedBy: mapping) }
        #expect(throws: GuestMemoryError.self) { try memory.addReadOnlyRegion(at: address, backedBy: mapping) }
    }

    @Test func anOverlappingRegionIsRefused() throws {
        let memory = try memory()
        let mapping = try Mapping(.anonymous, sizeInBytes: 4096)
        #expect(throws: GuestMemoryError.self) { try memory.addRegion(at: GuestAddress(0x2000), backedBy: mapping) }
    }
}
