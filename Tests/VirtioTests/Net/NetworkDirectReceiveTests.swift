import LinuxSystem
import Memory
import Synchronization
import Testing
import TestSupport
@testable import Virtio

/// Frames that are read straight into the driver's buffers, as these have room for any.
@Suite struct NetworkDirectReceiveTests {
    private let mine = NetworkWorld.addresses[0]
    private let siblings = NetworkWorld.addresses[1]
    private let stranger = NetworkWorld.stranger

    /// Buffers with more room than the largest frame needs.
    private func offerMuch(_ world: NetworkWorld, first: Int = 2048) throws -> [DriverQueue.Request] {
        var requests = try world.offer(first)
        for _ in 0..<40 { requests += try world.offer(2048) }
        return requests
    }

    @Test func framesOfEverySizeComeWhole() throws {
        let world = try NetworkWorld()
        let room = try offerMuch(world)
        let sizes = [46, 3000, 10, 2018, 2019, 20_000]
        for size in sizes {
            try world.arrive(
                PacketBytes.header() + PacketBytes.frame(to: siblings, from: stranger, payload: size), at: 1)
        }
        try world.handle()
        var received = try world.takeReceived(room)[...]
        for size in sizes {
            let frame = PacketBytes.frame(to: siblings, from: stranger, port: world.ports[1].number, payload: size)
            let count = (12 + frame.count + 2047) / 2048
            #expect(
                received.prefix(count).flatMap { $0 } == PacketBytes.header(buffers: UInt16(count)) + frame, "\(size)")
            received = received.dropFirst(count)
        }
        #expect(received.isEmpty)
        #expect(world.device.counters.received == 6)
        #expect(
            world.ports[1].traffic.receivedBytes
                == UInt64(sizes.reduce(0) { $0 + 14 + $1 }))
    }

    @Test func theLargestFrameComesWholeAndALargerOneDoesNot() throws {
        let world = try NetworkWorld()
        let room = try offerMuch(world)
        for size in [65_535, 65_536, 70_000] {
            try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger, payload: size), at: 0)
        }
        try world.handle()
        let frame = PacketBytes.frame(to: mine, from: stranger, port: world.ports[0].number, payload: 65_535)
        #expect(try world.takeReceived(room).flatMap { $0 } == PacketBytes.header(buffers: 33) + frame)
        #expect(world.device.counters.undeliverable == 2)
    }

    @Test func whatIsNotForThePodTakesNoBuffer() throws {
        let world = try NetworkWorld()
        let room = try offerMuch(world)
        for destination in [siblings, stranger, mine] {
            try world.arrive(PacketBytes.header() + PacketBytes.frame(to: destination, from: stranger), at: 0)
        }
        try world.arrive([UInt8](repeating: 0, count: 25), at: 0)
        try world.handle()
        #expect(try world.takeReceived(room).count == 1)
        #expect(world.device.counters.misdirected == 2)
        #expect(world.device.counters.undeliverable == 1)
    }

    @Test func offloadsMoveWithTheTag() throws {
        let world = try NetworkWorld()
        let room = try offerMuch(world)
        let header = PacketBytes.header(
            flags: 1, segmentation: 4, headerLength: 74, segmentSize: 1428, checksumStart: 54, checksumOffset: 16)
        try world.arrive(header + PacketBytes.frame(to: mine, from: stranger, payload: 3000), at: 0)
        try world.handle()
        let moved = PacketBytes.header(
            flags: 1, segmentation: 4, headerLength: 78, segmentSize: 1428, checksumStart: 58, checksumOffset: 16,
            buffers: 2)
        #expect(try world.takeReceived(room).first?.prefix(12) == moved[...])
    }

    /// Straight while there is room for any frame, then by a copy, to the last buffer.
    @Test func whenRoomRunsOutFramesComeInOrderAllTheSame() throws {
        let world = try NetworkWorld()
        let room = try offerMuch(world)
        for size in 0..<20 {
            try world.arrive(
                PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger, payload: 2100 + size), at: 0)
        }
        try world.handle()
        let first = try world.takeReceived(room)
        #expect(first.count == 40)
        let more = try world.offer(2048, 2048)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0)
        try world.handle()
        let received = try first + world.takeReceived(room + more)
        var sizes: [Int] = []
        for size in 0..<20 { sizes += [2048, 82 + size] }
        sizes.append(76)
        #expect(received.map(\.count) == sizes)
    }

    @Test(arguments: [1 << 40, 1 << 32] as [UInt64])
    func aBufferThatCannotBeWrittenLosesItsFrame(address: UInt64) throws {
        let world = try NetworkWorld()
        let image = try Mapping(.anonymous, sizeInBytes: 4096)
        try world.driver.memory.addReadOnlyRegion(at: GuestAddress(1 << 32), backedBy: image)
        let sound = try world.offer(2048)
        try world.driver.queues[0].add([.range(address, 2048, writable: true)])
        let room = try sound + offerMuch(world)
        for _ in 0..<3 { try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0) }
        try world.handle()
        #expect(!world.driver.needsReset)
        #expect(world.device.counters.undeliverable == 1)
        #expect(try world.takeReceived(room).filter { !$0.isEmpty }.count == 2)
    }

    @Test func aFirstBufferThatHoldsNoPrefixIsFilledToo() throws {
        let world = try NetworkWorld()
        let room = try offerMuch(world, first: 28)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0)
        try world.handle()
        let frame = PacketBytes.frame(to: mine, from: stranger, port: world.ports[0].number)
        #expect(try world.takeReceived(room).flatMap { $0 } == PacketBytes.header(buffers: 2) + frame)
    }

    @Test func aResetForgetsTheBuffers() throws {
        let world = try NetworkWorld()
        _ = try offerMuch(world)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0)
        try world.handle()
        let again = TestDriver(
            world.device, memory: world.driver.memory, base: 0x80000, lock: world.loop.lock)
        again.start()
        let request = try again.queues[0].add([.writable(2048)])
        again.notify(0)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0)
        try world.handle()
        #expect(try again.queues[0].takeUsed() == [.init(head: UInt32(request.head), written: 76)])
    }

    /// The device lock is given back while a frame is on its way: registers are read meanwhile, and a reset waits, so that
    /// the driver's memory is its own afterwards.
    @Test func aResetWaitsForTheFrameThatIsOnItsWay() throws {
        let world = try NetworkWorld()
        _ = try offerMuch(world)
        let packet = PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger)
        try world.arrive(packet, at: 0)
        // The read behind the first frame's waits for a second one.
        try world.wires[0].tap.setNonBlocking(false)
        let handed = Handed(value: world)
        let handling = try Thread(named: "handling") {
            _ = try? handed.value.loop.runOnce(timeoutInMilliseconds: 10_000)
        }
        let deadline = Deadline(inMilliseconds: 10_000)
        while world.loop.lock.locked({ world.device.counters.received == 0 || !world.device.isMoving }) {
            try #require(!deadline.hasPassed)
        }
        #expect(world.driver.status & TestDriver.Status.driverOK != 0)
        let isReset = Atomic<Bool>(false)
        let resetting = try Thread(named: "resetting") {
            handed.value.driver.write(0, to: .status)
            isReset.store(true, ordering: .sequentiallyConsistent)
        }
        let soon = Deadline(inMilliseconds: 100)
        var wasEarly = false
        while !soon.hasPassed { wasEarly = isReset.load(ordering: .sequentiallyConsistent) }
        #expect(!wasEarly)
        try world.arrive(packet, at: 0)
        resetting.join()
        handling.join()
        #expect(world.driver.status == 0)
    }

    /// Used by several threads, each part with its lock.
    private struct Handed: @unchecked Sendable {
        let value: NetworkWorld
    }
}
