import Geometry
import Testing

private let block = ZoneGeometry.blockSizeInBytes

@Suite struct ZoneGeometryTests {
    @Test func sizesAreRoundedUpToWholeBlocks() {
        #expect(ZoneGeometry.wholeBlocks(holding: 0) == 0)
        #expect(ZoneGeometry.wholeBlocks(holding: 1) == block)
        #expect(ZoneGeometry.wholeBlocks(holding: block) == block)
        #expect(ZoneGeometry.wholeBlocks(holding: block + 1) == 2 * block)
        #expect(ZoneGeometry.wholeBlocks(holding: .max) == nil)
        #expect(ZoneGeometry.wholeBlocks(holding: .max - block + 1) == .max - block + 1)
    }

    @Test func onlyMultiplesOfABlockAreWholeBlocks() {
        #expect(ZoneGeometry.isWholeBlocks(0) && ZoneGeometry.isWholeBlocks(3 * block))
        #expect(!ZoneGeometry.isWholeBlocks(block - 1) && !ZoneGeometry.isWholeBlocks(.max))
    }

    @Test func aLimitLeavesTheHeadroomFree() {
        #expect(ZoneGeometry.maxMemoryLimit(inZoneOf: block) == 120 << 20)
        #expect(ZoneGeometry.maxMemoryLimit(inZoneOf: 8 << 20) == 0)
        #expect(ZoneGeometry.maxMemoryLimit(inZoneOf: 0) == 0)
    }

    @Test func nodeZeroIsNoZones() { #expect((0..<3).map { ZoneGeometry.node(ofZone: $0) } == [1, 2, 3]) }
}
