import Devices
import Geometry
import Memory
import TestSupport
import Testing
import Virtio
import Zones

private let block = ZoneGeometry.blockSizeInBytes

private final class Observer: ZoneMemoryObserver {
    var sizes: [UInt64] = []
    var failures = 0
    func zone(_ zone: Zone, pluggedSizeIs sizeInBytes: UInt64) { sizes.append(sizeInBytes) }
    func zone(_ zone: Zone, failed error: any Error) { failures += 1 }
}

@Suite struct MemoryDeviceTests {
    private typealias Request = MemoryRequestBytes
    private static let acknowledged: [UInt8] = [0, 0]
    private static let refused: [UInt8] = [1, 0]
    private static let busy: [UInt8] = [2, 0]
    private static let error: [UInt8] = [3, 0]

    /// The middle one of three zones of four blocks.
    private let zone: Zone
    private let neighbours: [Zone]
    private let backing = RecordingBacking()
    private let observer = Observer()
    private let device: MemoryDevice
    private let driver: TestDriver

    init() throws {
        let table = try ZoneLayout(count: 3, sizeInBytes: 4 * block, base: GuestAddress(4 << 30))
        zone = table.zones[1]
        neighbours = [table.zones[0], table.zones[2]]
        device = MemoryDevice(zone: zone, backing: backing, observer: observer)
        driver = TestDriver(device, memory: try GuestMemory.zeroed(sizeInBytes: 1 << 20))
        driver.start()
    }

    /// Sends a request; the answer's type and state.
    private func send(_ type: UInt16, _ address: UInt64 = 0, _ count: UInt16 = 0) throws -> [UInt8] {
        let request = try driver.queues[0].add([.readable(Request.bytes(type, address, count)), .writable(10)])
        driver.notify(0)
        try #require(try driver.queues[0].takeUsed().last?.written == 10)
        let answer = try driver.queues[0].bytes(of: request, from: 1, count: 10)
        #expect(answer[2..<8].allSatisfy { $0 == 0 } && answer[1] == 0 && answer[9] == 0)
        return [answer[0], answer[8]]
    }

    private func address(_ index: UInt64) -> UInt64 { zone.range.start.rawValue + index * block }

    /// Sends a request that must be answered so and change nothing.
    private func expect(
        _ answer: [UInt8], of type: UInt16, _ address: UInt64, _ count: UInt16, plugged: Int = 0,
        sourceLocation: SourceLocation = #_sourceLocation
    ) throws {
        let (before, calls) = (backing.plugged, backing.callCount)
        let got = try send(type, address, count)
        #expect(got == answer, "\(type) \(address) \(count)", sourceLocation: sourceLocation)
        expectUnchanged(before, calls, plugged: plugged, sourceLocation: sourceLocation)
    }

    private func expectUnchanged(
        _ before: Set<GuestAddress>, _ calls: Int, plugged: Int, sourceLocation: SourceLocation = #_sourceLocation
    ) {
        #expect(backing.plugged == before, sourceLocation: sourceLocation)
        #expect(backing.callCount == calls, sourceLocation: sourceLocation)
        #expect(device.pluggedSizeInBytes == UInt64(plugged) * block, sourceLocation: sourceLocation)
        #expect(driver.configuration(40, as: UInt64.self) == UInt64(plugged) * block, sourceLocation: sourceLocation)
    }

    // MARK: What a good guest does

    @Test func theConfigurationSaysWhereTheZoneIs() throws {
        try device.request(sizeInBytes: 3 * block)
        let fields = (0..<7).map { driver.configuration($0 * 8, as: UInt64.self) }
        let wanted: [UInt64] = [128 << 20, 2, 0x1_2000_0000, 512 << 20, 512 << 20, 0, 384 << 20]
        #expect(fields == wanted)
    }

    @Test func aWishIsReportedByAConfigurationChange() throws {
        let generation = driver.read(.configurationGeneration)
        try device.request(sizeInBytes: 2 * block)
        #expect(driver.acknowledge() == 2)
        #expect(driver.read(.configurationGeneration) == generation + 1)
        try device.request(sizeInBytes: 2 * block)
        #expect(driver.acknowledge() == 0, "nothing changed")
    }

    @Test(arguments: [UInt64(1), 64 << 20, 5 * 128 << 20, .max])
    func aWishThatTheZoneCannotFulfilIsRefused(size: UInt64) {
        #expect(throws: MemoryDeviceError.size(size, zoneSizeInBytes: 4 * block)) {
            try device.request(sizeInBytes: size)
        }
        #expect(device.requestedSizeInBytes == 0)
    }

    @Test func theGuestPlugsAndUnplugs() throws {
        try device.request(sizeInBytes: 3 * block)
        #expect(try send(Request.plug, address(1), 1) == Self.acknowledged)
        #expect(try send(Request.plug, address(2), 2) == Self.acknowledged)
        #expect(backing.plugged == [GuestAddress(address(1)), GuestAddress(address(2)), GuestAddress(address(3))])
        #expect(driver.configuration(40, as: UInt64.self) == 3 * block)
        try device.request(sizeInBytes: 0)
        #expect(try send(Request.unplug, address(1), 3) == Self.acknowledged)
        #expect(backing.plugged == [])
        #expect(observer.sizes == [block, 3 * block, 0])
    }

    @Test func theStateOfBlocksIsReported() throws {
        try device.request(sizeInBytes: 4 * block)
        #expect(try send(Request.plug, address(0), 2) == Self.acknowledged)
        #expect(try send(Request.state, address(0), 2) == [0, 0])
        #expect(try send(Request.state, address(2), 2) == [0, 1])
        #expect(try send(Request.state, address(1), 2) == [0, 2])
        #expect(try send(Request.state, address(1), 4) == Self.error)
    }

    @Test func everythingIsUnpluggedAtOnce() throws {
        try device.request(sizeInBytes: 4 * block)
        #expect(try send(Request.unplugAll) == Self.acknowledged)
        #expect(try send(Request.plug, address(0), 1) == Self.acknowledged)
        #expect(try send(Request.plug, address(2), 1) == Self.acknowledged)
        #expect(try send(Request.unplugAll, .max, .max) == Self.acknowledged)
        #expect(backing.plugged == [])
        #expect(observer.sizes == [block, 2 * block, 0])
    }

    @Test func aResetLeavesTheBlocksAsTheyAre() throws {
        try device.request(sizeInBytes: block)
        #expect(try send(Request.plug, address(0), 1) == Self.acknowledged)
        driver.write(0, to: .status)
        #expect(device.pluggedSizeInBytes == block)
        #expect(backing.plugged.count == 1)
    }

    @Test func theGuestMustAcceptThatUnpluggedMemoryIsGone() {
        #expect(!driver.negotiate(features: 1 << 32 | 1))
        #expect(driver.negotiate(features: 1 << 32 | 3))
    }

    // MARK: What a hostile guest tries

    @Test func moreThanWasAskedForIsRefused() throws {
        try expect(Self.refused, of: Request.plug, address(0), 1)
        try device.request(sizeInBytes: 2 * block)
        try expect(Self.refused, of: Request.plug, address(0), 3)
        #expect(try send(Request.plug, address(0), 2) == Self.acknowledged)
        try expect(Self.refused, of: Request.plug, address(2), 1, plugged: 2)
        try device.request(sizeInBytes: block)
        try expect(Self.refused, of: Request.plug, address(2), 1, plugged: 2)
    }

    @Test(arguments: [Request.plug, Request.unplug, Request.state])
    func blocksOfAnotherZoneAreRefused(type: UInt16) throws {
        try device.request(sizeInBytes: 4 * block)
        for neighbour in neighbours {
            try expect(Self.error, of: type, neighbour.range.start.rawValue, 1)
        }
        // The last block of the zone before and the first of this one; the last of this one and the next.
        try expect(Self.error, of: type, address(0) - block, 2)
        try expect(Self.error, of: type, address(3), 2)
        try expect(Self.error, of: type, 0, 1)
    }

    @Test(arguments: [Request.plug, Request.unplug, Request.state])
    func rangesThatAreNoneAreRefused(type: UInt16) throws {
        try device.request(sizeInBytes: 4 * block)
        let tries: [(UInt64, UInt16)] = [
            (address(0), 0), (address(0), .max), (address(0) + 1, 1), (address(0) + block / 2, 1),
            (address(0) + 4096, 1), (.max, 1), (.max, .max), (UInt64.max - block + 1, 1), (UInt64.max - block + 1, 2),
            (0 &- 65535 * block, .max),
        ]
        for (address, count) in tries {
            try expect(Self.error, of: type, address, count)
        }
    }

    @Test func blocksThatArePluggedAreNotPluggedAgain() throws {
        try device.request(sizeInBytes: 4 * block)
        #expect(try send(Request.plug, address(1), 1) == Self.acknowledged)
        try expect(Self.error, of: Request.plug, address(1), 1, plugged: 1)
        try expect(Self.error, of: Request.plug, address(0), 3, plugged: 1)
    }

    @Test func blocksThatAreNotPluggedAreNotUnplugged() throws {
        try device.request(sizeInBytes: 4 * block)
        #expect(try send(Request.plug, address(1), 1) == Self.acknowledged)
        try expect(Self.error, of: Request.unplug, address(0), 1, plugged: 1)
        try expect(Self.error, of: Request.unplug, address(0), 2, plugged: 1)
        try expect(Self.error, of: Request.unplug, address(1), 2, plugged: 1)
    }

    @Test(arguments: [UInt16(4), 255, .max])
    func unknownRequestsAreRefused(type: UInt16) throws {
        try expect(Self.error, of: type, address(0), 1)
    }

    @Test func theGuestMayGiveMemoryBackOfItsOwn() throws {
        try device.request(sizeInBytes: 2 * block)
        #expect(try send(Request.plug, address(0), 2) == Self.acknowledged)
        #expect(try send(Request.unplug, address(0), 1) == Self.acknowledged)
        #expect(device.requestedSizeInBytes == 2 * block)
        #expect(observer.sizes == [2 * block, block])
    }

    @Test func aRequestThatCannotBeAnsweredHasNoEffect() throws {
        try device.request(sizeInBytes: block)
        try driver.queues[0].add([.readable(Request.bytes(Request.plug, address(0), 1)), .writable(9)])
        driver.notify(0)
        expectUnchanged([], 0, plugged: 0)
        #expect(driver.needsReset)
    }

    @Test func aRequestThatIsTooShortNeedsAReset() throws {
        try device.request(sizeInBytes: block)
        try driver.queues[0].add([
            .readable([UInt8](Request.bytes(Request.plug, address(0), 1).prefix(23))), .writable(10),
        ])
        driver.notify(0)
        expectUnchanged([], 0, plugged: 0)
        #expect(driver.needsReset)
    }

    @Test func aGreedyGuestHasToWaitForItsTurn() throws {
        for _ in 0..<6 {
            // One descriptor each: there are eight.
            try driver.queues[0].add(
                [.readable(Request.bytes(Request.state, address(0), 1)), .writable(10)], indirect: true)
        }
        driver.notify(0)
        #expect(try driver.queues[0].takeUsed().count == 4)
        #expect(driver.repeater.take() == [0])
        driver.transport.handleNotification(queue: 0)
        #expect(try driver.queues[0].takeUsed().count == 2)
        #expect(driver.repeater.take() == [])
    }

    // MARK: When the host cannot

    @Test func aPlugThatFailsHalfWayIsTakenBack() throws {
        try device.request(sizeInBytes: 4 * block)
        backing.failingCalls = [2]
        #expect(try send(Request.plug, address(0), 4) == Self.busy)
        #expect(backing.plugged == [])
        #expect(device.pluggedSizeInBytes == 0)
        #expect(observer.failures == 1)
        #expect(observer.sizes == [])
        #expect(try send(Request.plug, address(0), 4) == Self.acknowledged)
    }

    @Test func anUnplugThatFailsHalfWayIsTakenBack() throws {
        try device.request(sizeInBytes: 2 * block)
        #expect(try send(Request.plug, address(0), 2) == Self.acknowledged)
        backing.failingCalls = [3]
        #expect(try send(Request.unplug, address(0), 2) == Self.busy)
        #expect(backing.plugged.count == 2)
        #expect(device.pluggedSizeInBytes == 2 * block)
    }

    @Test func whatCannotBeTakenBackIsReportedAsItIs() throws {
        try device.request(sizeInBytes: 2 * block)
        backing.failingCalls = [1, 2]
        #expect(try send(Request.plug, address(0), 2) == Self.error)
        #expect(observer.failures == 2)
        #expect(backing.plugged == [GuestAddress(address(0))])
        #expect(device.pluggedSizeInBytes == block)
        #expect(observer.sizes == [block])
        #expect(try send(Request.state, address(0), 2) == [0, 2])
    }

    // MARK: State

    private func restored(_ bytes: [UInt8], _ backing: RecordingBacking) throws(StateError) -> MemoryDevice {
        let copy = MemoryDevice(zone: zone, backing: backing)
        let transport = MMIOTransport(copy, memory: driver.memory, interrupt: CountingLine())
        var reader = StateReader(bytes)
        try transport.restore(from: &reader)
        return copy
    }

    private func saved() -> [UInt8] {
        var writer = StateWriter()
        driver.transport.save(to: &writer)
        return writer.bytes
    }

    @Test func pluggedBlocksArePluggedAgainByARestore() throws {
        try device.request(sizeInBytes: 3 * block)
        #expect(try send(Request.plug, address(1), 2) == Self.acknowledged)
        let other = RecordingBacking()
        let copy = try restored(saved(), other)
        #expect(other.plugged == backing.plugged)
        #expect(copy.requestedSizeInBytes == 3 * block)
        #expect(copy.pluggedSizeInBytes == 2 * block)
    }

    @Test func aRestoreThatFailsLeavesNothingPlugged() throws {
        try device.request(sizeInBytes: 2 * block)
        #expect(try send(Request.plug, address(0), 2) == Self.acknowledged)
        let other = RecordingBacking()
        other.failingCalls = [1]
        #expect(throws: StateError.self) { try restored(saved(), other) }
        #expect(other.plugged == [])
    }

    @Test func aMapOfAnotherZoneIsRefused() throws {
        let larger = try ZoneLayout(count: 1, sizeInBytes: 8 * block, base: GuestAddress(4 << 30)).zones[0]
        let transport = MMIOTransport(
            MemoryDevice(zone: larger, backing: RecordingBacking()), memory: driver.memory, interrupt: CountingLine())
        var reader = StateReader(saved())
        #expect(throws: StateError.invalid("a map of 4 blocks, expected 8 of 0 or 1")) {
            try transport.restore(from: &reader)
        }
    }
}
