import Memory
import Testing
import Zones

private let block = Zone.blockSizeInBytes
private let base = GuestAddress(4 << 30)

@Suite struct ZoneTableTests {
    @Test func zonesLieOneBehindTheOther() throws {
        let table = try ZoneTable(sizesInBytes: [block, 4 * block, 2 * block], base: base)
        #expect(table.zones.map(\.range.start.rawValue) == [4 << 30, 4 << 30 + block, 4 << 30 + 5 * block])
        #expect(table.zones.map(\.node) == [1, 2, 3])
        #expect(table.zones.map(\.blockCount) == [1, 4, 2])
        #expect(table.range.sizeInBytes == 7 * block)
    }

    @Test func zonesAreFoundByNodeAndAddress() throws {
        let table = try ZoneTable(count: 3, sizeInBytes: 2 * block, base: base)
        #expect(table.zone(node: 0) == nil)
        #expect(table.zone(node: 3)?.index == 2)
        #expect(table.zone(node: 4) == nil)
        #expect(table.zone(node: .max) == nil)
        #expect(table[-1] == nil)
        #expect(table.zone(containing: GuestAddress(4 << 30 - 1)) == nil)
        #expect(table.zone(containing: GuestAddress(4 << 30 + 2 * block))?.index == 1)
        #expect(table.zone(containing: table.range.end) == nil)
    }

    @Test func aVMMayHaveNoZones() throws {
        #expect(try ZoneTable(count: 0, sizeInBytes: block, base: base).range.sizeInBytes == 0)
    }

    @Test func tooManyZonesAreRefused() {
        #expect(throws: ZoneTableError.count(65, most: 64)) { try ZoneTable(count: 65, sizeInBytes: block, base: base) }
        #expect(throws: ZoneTableError.count(-1, most: 64)) { try ZoneTable(count: -1, sizeInBytes: block, base: base) }
    }

    @Test(arguments: [UInt64(0), 1, 64 << 20, 128 << 20 + 4096, .max])
    func aSizeThatIsNoMultipleOfABlockIsRefused(size: UInt64) {
        #expect(throws: ZoneTableError.size(size)) { try ZoneTable(count: 1, sizeInBytes: size, base: base) }
    }

    @Test func aMisalignedBaseIsRefused() {
        let odd = GuestAddress(4 << 30 + 64 << 20)
        #expect(throws: ZoneTableError.misaligned(odd)) { try ZoneTable(count: 1, sizeInBytes: block, base: odd) }
    }

    @Test func zonesBeyondTheAddressesAreRefused() {
        let size = UInt64(1) << 62
        #expect(throws: ZoneTableError.self) {
            try ZoneTable(count: 4, sizeInBytes: size, base: base, limit: GuestAddress(.max))
        }
        #expect(throws: ZoneTableError.addressSpace(end: 5 << 30, limit: GuestAddress(5 << 30 - 1))) {
            try ZoneTable(count: 1, sizeInBytes: 1 << 30, base: base, limit: GuestAddress(5 << 30 - 1))
        }
    }
}
