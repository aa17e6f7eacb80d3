import Geometry
import Memory
import Testing
import Zones

private let block = ZoneGeometry.blockSizeInBytes

@Suite struct ZoneLifeTests {
    private func absent() throws -> ZoneLife {
        ZoneLife(try ZoneLayout(count: 1, sizeInBytes: 4 * block, base: GuestAddress(0)).zones[0])
    }

    /// A zone in each state, with two blocks asked for where it has any.
    private func all() throws -> [ZoneLife] {
        var life = try absent()
        var lives = [life]
        try life.plug(2 * block)
        lives.append(life)
        try life.recordPlugged(2 * block)
        try life.confirmOnline()
        lives.append(life)
        try life.drain()
        lives.append(life)
        try life.unplug()
        lives.append(life)
        try life.quarantine(.notEmpty)
        lives.append(life)
        return lives
    }

    @Test func aWholeLife() throws {
        var life = try absent()
        #expect(life.isFree)
        try life.plug(2 * block)
        #expect(!life.isSettled)
        try life.recordPlugged(block)
        try life.recordPlugged(2 * block)
        try life.confirmOnline()
        try life.drain()
        try life.unplug()
        try life.recordPlugged(0)
        try life.confirmAbsent()
        #expect(life == (try absent()))
    }

    /// The guest is asked when the container ends, and may be done before its agent says so.
    @Test func memoryIsAskedForWhenTheContainerEnds() throws {
        var life = try absent()
        try life.plug(2 * block)
        try life.recordPlugged(2 * block)
        try life.confirmOnline()
        try life.drain()
        #expect(life.requestedSizeInBytes == 0)
        #expect(!life.isSettled)
        try life.recordPlugged(0)
        #expect(throws: ZoneStateError.illegal(step: "take away", state: .draining)) { try life.confirmAbsent() }
        try life.unplug()
        #expect(life.isSettled)
        try life.confirmAbsent()
    }

    /// Each step with the states from which it is legal: absent, plugging, online, draining, unplugging, quarantined.
    @Test func stepsAreLegalFromTheirStatesOnly() throws {
        let steps: [(name: String, legal: [Bool], step: (inout ZoneLife) throws -> Void)] = [
            ("plug", [true, false, false, false, false, false], { try $0.plug(block) }),
            ("resize", [false, false, true, false, false, false], { try $0.resize(block) }),
            ("drain", [false, true, true, false, false, false], { try $0.drain() }),
            ("unplug", [false, false, false, true, false, false], { try $0.unplug() }),
            ("quarantine", [false, true, true, true, true, true], { try $0.quarantine(.timeout) }),
        ]
        for (name, legal, step) in steps {
            for (life, isLegal) in zip(try all(), legal) {
                var changed = life
                do {
                    try step(&changed)
                    #expect(isLegal, "\(name) from \(life.state)")
                } catch {
                    #expect(!isLegal, "\(name) from \(life.state)")
                    #expect(changed == life, "a refused step changes nothing")
                }
            }
        }
    }

    @Test func onlineNeedsAllThatWasAskedFor() throws {
        var life = try absent()
        try life.plug(2 * block)
        try life.recordPlugged(block)
        #expect(throws: ZoneStateError.plugged(block, expected: 2 * block)) { try life.confirmOnline() }
        #expect(life.state == .plugging)
    }

    @Test func absentNeedsEverythingBack() throws {
        var life = try all()[4]
        #expect(life.state == .unplugging)
        try life.recordPlugged(block)
        #expect(throws: ZoneStateError.plugged(block, expected: 0)) { try life.confirmAbsent() }
    }

    @Test(arguments: [UInt64(0), 1, block + 4096, 5 * block, .max])
    func aSizeThatTheZoneCannotHaveIsRefused(size: UInt64) throws {
        var life = try absent()
        #expect(throws: ZoneStateError.size(size, zoneSizeInBytes: 4 * block)) { try life.plug(size) }
        #expect(life.state == .absent)
    }

    @Test func aGuestCannotHaveMoreThanWasAskedFor() throws {
        var life = try absent()
        #expect(throws: ZoneStateError.plugged(block, expected: 0)) { try life.recordPlugged(block) }
        try life.plug(block)
        #expect(throws: ZoneStateError.plugged(2 * block, expected: block)) { try life.recordPlugged(2 * block) }
        #expect(life.pluggedSizeInBytes == 0)
    }

    @Test func aGuestMayGiveMemoryBackOfItsOwn() throws {
        var life = try all()[2]
        try life.recordPlugged(block)
        #expect(life.state == .online)
        #expect(!life.isSettled)
    }

    @Test func aResizeIsSettledByTheGuest() throws {
        var life = try all()[2]
        try life.resize(4 * block)
        #expect(!life.isSettled)
        try life.recordPlugged(4 * block)
        #expect(life.isSettled)
        try life.resize(block)
        try life.recordPlugged(3 * block)
        #expect(life.state == .online)
    }

    @Test func aZoneThatDidNotComeUpIsDrained() throws {
        var life = try absent()
        try life.plug(2 * block)
        try life.recordPlugged(block)
        try life.drain()
        try life.unplug()
        try life.recordPlugged(0)
        try life.confirmAbsent()
        #expect(life.isFree)
    }

    @Test func theFirstReasonOfAQuarantineStays() throws {
        var life = try all()[5]
        try life.quarantine(.timeout)
        #expect(life.state == .quarantined(.notEmpty))
        #expect(!life.isFree)
    }
}
