import Testing

@testable import Geometry

private let block = ZoneGeometry.blockSizeInBytes

@Test(arguments: [1, 2, 3, 8, 16, 100] as [UInt64])
func aContainerAsksBeforeItIsSlowedDownAndThatBeforeItIsKilled(blocks: UInt64) {
    let limit = ZoneGeometry.maxMemoryLimit(inZoneOf: blocks * block)
    let (ask, brake) = (
        ElasticZone.askLevel(inZoneOf: blocks * block), ElasticZone.brakeLevel(inZoneOf: blocks * block)
    )
    #expect(ask < brake && brake < limit)
    // From one size to the next, what made it grow is no reason to grow again or to shrink back.
    let next = ElasticZone.nextSize(after: blocks * block, atMost: .max)
    #expect(ask < ElasticZone.askLevel(inZoneOf: next))
    #expect(ElasticZone.smallerSize(than: next, using: ask, atLeast: block) == nil)
}

@Test func zonesGrowTwofoldAndNoFurtherThanTheyMay() {
    let sizes = sequence(first: block) { $0 == 20 * block ? nil : ElasticZone.nextSize(after: $0, atMost: 20 * block) }
    #expect(Array(sizes) == [1, 2, 4, 8, 16, 20].map { $0 * block })
    #expect(ElasticZone.nextSize(after: 40 * block, atMost: 100 * block) == 48 * block)
    #expect(ElasticZone.nextSize(after: 40 * block, atMost: 40 * block) == 40 * block)
    #expect(ElasticZone.nextSize(after: 41 * block, atMost: 40 * block) == 41 * block)
}

@Test func aZoneShrinksToTwiceWhatIsUsedAndNotBelowItsFirstSize() {
    #expect(ElasticZone.sizeHolding(0, atLeast: 2 * block) == 2 * block)
    #expect(ElasticZone.sizeHolding(60 << 20, atLeast: block) == block)
    #expect(ElasticZone.sizeHolding(61 << 20, atLeast: block) == 2 * block)
    #expect(ElasticZone.sizeHolding(.max, atLeast: block) == .max)
    #expect(ElasticZone.sizeHolding(.max / 2, atLeast: block) == .max)
    #expect(ElasticZone.smallerSize(than: 16 * block, using: 0, atLeast: block) == block)
    #expect(ElasticZone.smallerSize(than: 16 * block, using: 4 * block - (4 << 20), atLeast: block) == 8 * block)
    #expect(ElasticZone.smallerSize(than: 16 * block, using: 4 * block, atLeast: block) == nil)
    #expect(ElasticZone.smallerSize(than: 3 * block, using: 0, atLeast: 2 * block) == 2 * block)
    #expect(ElasticZone.smallerSize(than: block, using: 0, atLeast: block) == nil)
}

@Test func aLimitHasAZoneThatHoldsIt() {
    #expect(ElasticZone.size(forLimit: 120 << 20) == block)
    #expect(ElasticZone.size(forLimit: (120 << 20) + 1) == 2 * block)
    #expect(ElasticZone.size(forLimit: .max) == .max)
}
