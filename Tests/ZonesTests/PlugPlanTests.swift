import Geometry
import Memory
import Testing
import Zones

private let block = ZoneGeometry.blockSizeInBytes

@Suite struct PlugPlanTests {
    private func lives(_ blocks: [UInt64]) throws -> [ZoneLife] {
        try ZoneLayout(sizesInBytes: blocks.map { $0 * block }, base: GuestAddress(0)).zones.map(ZoneLife.init)
    }

    @Test func theSmallestZoneThatHasRoomIsTaken() throws {
        var lives = try lives([4, 1, 2, 2])
        #expect(try PlugPlan(forBytes: 1, in: lives).zone.index == 1)
        #expect(try PlugPlan(forBytes: block + 1, in: lives).zone.index == 2)
        try lives[2].plug(block)
        #expect(try PlugPlan(forBytes: block + 1, in: lives).zone.index == 3)
        #expect(try PlugPlan(forBytes: 4 * block, in: lives).zone.index == 0)
    }

    @Test func wholeBlocksArePlugged() throws {
        let plan = try PlugPlan(forBytes: block + 1, in: lives([4]))
        #expect(plan.sizeInBytes == 2 * block)
        #expect(try PlugPlan(forBytes: block, in: lives([4])).sizeInBytes == block)
    }

    @Test func aContainerThatFitsNowhereIsRefused() throws {
        #expect(throws: PlugPlanError.nothingAsked) { try PlugPlan(forBytes: 0, in: lives([1])) }
        #expect(throws: PlugPlanError.tooLarge(bytes: .max, largestInBytes: 2 * block)) {
            try PlugPlan(forBytes: .max, in: lives([1, 2]))
        }
        #expect(throws: PlugPlanError.tooLarge(bytes: 1, largestInBytes: 0)) { try PlugPlan(forBytes: 1, in: []) }
        var used = try lives([1, 1])
        try used[0].plug(block)
        try used[1].plug(block)
        try used[1].quarantine(.timeout)
        #expect(throws: PlugPlanError.noneFree(zones: 2, quarantined: 1)) { try PlugPlan(forBytes: 1, in: used) }
    }
}
