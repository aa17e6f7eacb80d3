import LinuxSystem
import Memory
import Testing
import TestSupport
import Virtio

@Suite struct NetworkReceiveTests {
    private let mine = NetworkWorld.addresses[0]
    private let siblings = NetworkWorld.addresses[1]
    private let stranger = NetworkWorld.stranger

    @Test func aFrameComesWithItsPortsTag() throws {
        let world = try NetworkWorld()
        let room = try world.offer(2048)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: siblings, from: stranger), at: 1)
        try world.handle()
        let frame = PacketBytes.frame(to: siblings, from: stranger, port: world.ports[1].number)
        #expect(try world.takeReceived(room) == [PacketBytes.header(buffers: 1) + frame])
        #expect(world.driver.line.count == 1)
    }

    @Test func offloadsMoveWithTheTag() throws {
        let world = try NetworkWorld()
        let room = try world.offer(4096)
        let header = PacketBytes.header(
            flags: 1, segmentation: 4, headerLength: 74, segmentSize: 1428, checksumStart: 54, checksumOffset: 16)
        try world.arrive(header + PacketBytes.frame(to: mine, from: stranger, payload: 3000), at: 0)
        try world.handle()
        let moved = PacketBytes.header(
            flags: 1, segmentation: 4, headerLength: 78, segmentSize: 1428, checksumStart: 58, checksumOffset: 16,
            buffers: 1)
        #expect(try world.takeReceived(room).map { Array($0.prefix(12)) } == [moved])
    }

    @Test func aBroadcastReachesThePodOfItsPortOnly() throws {
        let world = try NetworkWorld()
        let room = try world.offer(2048, 2048)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: NetworkWorld.broadcast, from: stranger), at: 0)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: 0x3333_0000_0001, from: stranger), at: 1)
        try world.handle()
        #expect(
            try world.takeReceived(room).map { $0[26..<28] } == [
                [0, UInt8(world.ports[0].number)], [0, UInt8(world.ports[1].number)],
            ])
    }

    @Test func anothersFrameIsNotDelivered() throws {
        let world = try NetworkWorld()
        _ = try world.offer(2048)
        for address in [siblings, stranger] {
            try world.arrive(PacketBytes.header() + PacketBytes.frame(to: address, from: stranger), at: 0)
        }
        try world.handle()
        #expect(world.device.counters.misdirected == 2)
        #expect(try world.driver.queues[0].takeUsed().isEmpty)
    }

    @Test func aLargeFrameFillsSeveralBuffers() throws {
        let world = try NetworkWorld()
        let sizes = [1536, 100, 1536, 4096]
        let room = try world.offer(1536, 100, 1536, 4096)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger, payload: 3200), at: 0)
        try world.handle()
        let used = try world.driver.queues[0].takeUsed()
        #expect(
            used.map { Int($0.written) } == [sizes[0], sizes[1], sizes[2], 12 + 18 + 3200 - sizes[..<3].reduce(0, +)])
        let bytes = try zip(room, used).flatMap {
            try world.driver.queues[0].bytes(of: $0, from: 0, count: Int($1.written))
        }
        let frame = PacketBytes.frame(to: mine, from: stranger, port: world.ports[0].number, payload: 3200)
        #expect(bytes == PacketBytes.header(buffers: 4) + frame)
    }

    @Test func tagAndHeaderMayBeSpreadOverTinyBuffers() throws {
        let world = try NetworkWorld()
        let room = try world.offer(12, 3, 9, 4, 1, 64)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0)
        try world.handle()
        let bytes = try world.takeReceived(room).flatMap { $0 }
        let frame = PacketBytes.frame(to: mine, from: stranger, port: world.ports[0].number)
        #expect(bytes == PacketBytes.header(buffers: 6) + frame)
    }

    @Test func aFrameWaitsForRoomAndOthersBehindIt() throws {
        let world = try NetworkWorld()
        let first = try world.offer(1536)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger, payload: 3000), at: 0)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: siblings, from: stranger, payload: 10), at: 1)
        try world.handle()
        #expect(try world.driver.queues[0].takeUsed().isEmpty)
        let more = try world.offer(1536, 1536)
        try world.handle()
        #expect(try world.takeReceived(first + more).map(\.count) == [1536, 1494, 40])
        #expect(world.device.counters.undeliverable == 0)
    }

    @Test func withoutBuffersNothingIsTakenFromTheTap() throws {
        let world = try NetworkWorld()
        for _ in 0..<3 { try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0) }
        #expect(try world.loop.runOnce(timeoutInMilliseconds: 0) == 0)
        let room = try world.offer(2048, 2048, 2048)
        try world.handle()
        #expect(try world.takeReceived(room).count == 3)
    }

    @Test func withoutMergingAFrameHasOneBuffer() throws {
        let world = try NetworkWorld(starting: false)
        world.driver.start(features: world.features(without: 15))
        let room = try world.offer(1536, 1536)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger, payload: 2000), at: 0)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0)
        try world.handle()
        #expect(try world.takeReceived(room).map(\.count) == [0, 76])
        #expect(world.device.counters.undeliverable == 1)
    }

    @Test func whatTheDriverDoesNotUnderstandIsNotDelivered() throws {
        let world = try NetworkWorld(starting: false)
        world.driver.start(features: world.features(without: 1, 7, 8))
        _ = try world.offer(2048)
        let frame = PacketBytes.frame(to: mine, from: stranger)
        try world.arrive(PacketBytes.header(flags: 1, checksumStart: 34) + frame, at: 0)
        try world.arrive(PacketBytes.header(flags: 0, segmentation: 1, segmentSize: 9) + frame, at: 0)
        try world.handle()
        #expect(world.device.counters.undeliverable == 2)
        #expect(try world.driver.queues[0].takeUsed().isEmpty)
    }

    @Test(arguments: [1, 11, 25, 70_000]) func aFrameThatIsNoneIsNotDelivered(size: Int) throws {
        let world = try NetworkWorld()
        _ = try world.offer(2048)
        try world.arrive([UInt8](repeating: 0, count: size), at: 0)
        try world.handle()
        #expect(world.device.counters.undeliverable == 1)
        #expect(try world.driver.queues[0].takeUsed().isEmpty)
    }

    @Test func aBufferWithoutRoomNeedsAReset() throws {
        let world = try NetworkWorld()
        try world.driver.queues[0].add([.readable([1])])
        world.driver.notify(0)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0)
        try world.handle()
        #expect(world.driver.needsReset)
    }

    @Test(arguments: [1 << 40, 1 << 32] as [UInt64])
    func aBufferThatCannotBeWrittenLosesItsFrame(address: UInt64) throws {
        let world = try NetworkWorld()
        let image = try Mapping(.anonymous, sizeInBytes: 4096)
        try world.driver.memory.addReadOnlyRegion(at: GuestAddress(1 << 32), backedBy: image)
        try world.driver.queues[0].add([.range(address, 2048, writable: true)])
        let sound = try world.offer(2048)
        for _ in 0..<2 { try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0) }
        try world.handle()
        #expect(!world.driver.needsReset)
        #expect(world.device.counters.undeliverable == 1)
        let received = try world.takeReceived(sound)
        #expect(received.count == 2 && received.first?.isEmpty == true && received.last?.isEmpty == false)
    }
}
