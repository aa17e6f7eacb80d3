import Geometry
import Memory
import Testing
import Zones

private let block = ZoneGeometry.blockSizeInBytes
private let base = GuestAddress(4 << 30)

@Suite struct ZoneLayoutTests {
    @Test func zonesLieOneBehindTheOther() throws {
        let table = try ZoneLayout(sizesInBytes: [block, 4 * block, 2 * block], base: base)
        #expect(table.zones.map(\.range.start.rawValue) == [4 << 30, 4 << 30 + block, 4 << 30 + 5 * block])
        #expect(table.zones.map(\.node) == [1, 2, 3])
        #expect(table.zones.map(\.blockCount) == [1, 4, 2])
    }

    @Test func aVMMayHaveNoZones() throws {
        #expect(try ZoneLayout(count: 0, sizeInBytes: block, base: base).zones.isEmpty)
    }

    @Test func tooManyZonesAreRefused() {
        #expect(throws: ZoneLayoutError.count(65, max: 64)) {
            try ZoneLayout(count: 65, sizeInBytes: block, base: base)
        }
        #expect(throws: ZoneLayoutError.count(-1, max: 64)) {
            try ZoneLayout(count: -1, sizeInBytes: block, base: base)
        }
    }

    @Test(arguments: [UInt64(0), 1, 64 << 20, 128 << 20 + 4096, .max])
    func aSizeThatIsNoMultipleOfABlockIsRefused(size: UInt64) {
        #expect(throws: ZoneLayoutError.size(size)) { try ZoneLayout(count: 1, sizeInBytes: size, base: base) }
    }

    @Test func aMisalignedBaseIsRefused() {
        let odd = GuestAddress(4 << 30 + 64 << 20)
        #expect(throws: ZoneLayoutError.misaligned(odd)) { try ZoneLayout(count: 1, sizeInBytes: block, base: odd) }
    }

    @Test func zonesBeyondTheAddressesAreRefused() {
        let size = UInt64(1) << 62
        #expect(throws: ZoneLayoutError.self) {
            try ZoneLayout(count: 4, sizeInBytes: size, base: base, limit: GuestAddress(.max))
        }
        #expect(throws: ZoneLayoutError.addressSpace(end: GuestAddress(5 << 30), limit: GuestAddress(5 << 30 - 1))) {
            try ZoneLayout(count: 1, sizeInBytes: 1 << 30, base: base, limit: GuestAddress(5 << 30 - 1))
        }
    }
}
