import LinuxSystem
import Memory
import Testing
import TestSupport
import Virtio

@Suite struct NetworkTransmitTests {
    private let mine = NetworkWorld.addresses[0]
    private let siblings = NetworkWorld.addresses[1]
    private let stranger = NetworkWorld.stranger

    @Test func aFrameLeavesByItsPortWithoutItsTag() throws {
        let world = try NetworkWorld()
        let header = PacketBytes.header()
        try world.send(header + PacketBytes.frame(to: stranger, from: siblings, port: world.ports[1].number))
        #expect(world.wires[0].takePackets().isEmpty)
        #expect(world.wires[1].takePackets() == [header + PacketBytes.frame(to: stranger, from: siblings)])
        #expect(try world.driver.queues[1].takeUsed().count == 1)
        #expect(world.device.counters.transmitted == 1)
    }

    @Test(arguments: [1, 5, 11, 13, 29], [false, true])
    func howTheDriverCutsItMakesNoDifference(cut: Int, indirect: Bool) throws {
        let world = try NetworkWorld()
        let frame = PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number)
        try world.send(PacketBytes.header() + frame, cut: cut, indirect: indirect)
        #expect(world.wires[0].takePackets() == [PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine)])
    }

    @Test func offloadsMoveWithTheTag() throws {
        let world = try NetworkWorld()
        let frame = PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number, payload: 4000)
        try world.send(
            PacketBytes.header(
                flags: 1, segmentation: 1, headerLength: 58, segmentSize: 1448, checksumStart: 38, checksumOffset: 16)
                + frame)
        let header = PacketBytes.header(
            flags: 1, segmentation: 1, headerLength: 54, segmentSize: 1448, checksumStart: 34, checksumOffset: 16)
        #expect(world.wires[0].takePackets().map { Array($0.prefix(12)) } == [header])
    }

    @Test func anothersSourceAddressIsDropped() throws {
        let world = try NetworkWorld()
        for (source, port) in [(siblings, 0), (mine, 1), (stranger, 0), (NetworkWorld.broadcast, 0)] {
            let frame = PacketBytes.frame(to: stranger, from: source, port: world.ports[port].number)
            try world.send(PacketBytes.header() + frame)
        }
        #expect(world.wires.allSatisfy { $0.takePackets().isEmpty })
        #expect(world.device.counters.spoofed == 4)
        #expect(!world.driver.needsReset)
    }

    @Test func whatIsDroppedAndWhatBreaksTheProtocolIsReported() throws {
        final class Observer: GuestFaultObserver {
            var violations: [(DeviceType, String)] = []
            var frames = 0
            func device(_ type: DeviceType, brokeProtocol reason: String) { violations.append((type, reason)) }
            func networkRefusedFrame(_ reason: String) { frames += 1 }
        }
        let world = try NetworkWorld()
        let observer = Observer()
        world.device.faultObserver = observer
        world.driver.transport.faultObserver = observer
        let frame = PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number)
        try world.send(PacketBytes.header() + frame)
        #expect(observer.frames == 0)
        try world.send(PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine, port: 77))
        #expect(observer.frames == 1)
        #expect(world.ports[0].traffic.transmittedFrames == 1)
        #expect(world.ports[0].traffic.transmittedBytes == UInt64(frame.count - 4))
        #expect(world.device.traffic == world.ports[0].traffic)
        world.driver.transport.reportProtocolViolation("a bad chain")
        #expect(observer.violations.map(\.1) == ["a bad chain"])
        #expect(observer.violations.map(\.0) == [.network])
        withExtendedLifetime(observer) {}
    }

    @Test func aFrameOfNoPortIsDropped() throws {
        let world = try NetworkWorld()
        try world.send(PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine))
        for port in [0, 3, 77, 4095] as [UInt16] {
            try world.send(PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine, port: port))
        }
        #expect(world.wires.allSatisfy { $0.takePackets().isEmpty })
        #expect(world.device.counters.portless == 5)
    }

    @Test func aFrameForASiblingLeavesByTheOwnPort() throws {
        let world = try NetworkWorld()
        _ = try world.offer(2048)
        try world.send(PacketBytes.header() + PacketBytes.frame(to: siblings, from: mine, port: world.ports[0].number))
        #expect(world.wires[0].takePackets().count == 1)
        #expect(world.wires[1].takePackets().isEmpty)
        #expect(try world.driver.queues[0].takeUsed().isEmpty)
    }

    @Test func aSecondTagIsTheFramesOwn() throws {
        let world = try NetworkWorld()
        let inner = PacketBytes.frame(to: stranger, from: mine, port: world.ports[1].number)
        let outer = inner[..<12] + [0x81, 0, 0, UInt8(world.ports[0].number)] + inner[12...]
        try world.send(PacketBytes.header() + outer)
        #expect(world.wires[0].takePackets() == [PacketBytes.header() + inner])
    }

    @Test(arguments: [0, 1, 12, 28, 29]) func aShortFrameIsDropped(size: Int) throws {
        let world = try NetworkWorld()
        let frame = PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine, port: 1)
        if size > 0 {
            try world.send(Array(frame.prefix(size)))
        } else {
            try world.driver.queues[1].add([.writable(64)])
            world.driver.notify(1)
        }
        #expect(world.wires[0].takePackets().isEmpty)
        #expect(world.device.counters.malformed == 1)
        #expect(try world.driver.queues[1].takeUsed().count == 1)
    }

    @Test func theLargestFrameFitsAndALargerOneDoesNot() throws {
        let world = try NetworkWorld()
        let port = world.ports[0].number
        try world.send(PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine, port: port, payload: 65_535))
        #expect(world.wires[0].takePackets().map(\.count) == [12 + 14 + 65_535])
        try world.send(PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine, port: port, payload: 65_536))
        try world.driver.queues[1].add([.range(0, 0xffff_f000, writable: false)])
        world.driver.notify(1)
        #expect(world.wires[0].takePackets().isEmpty)
        #expect(world.device.counters.malformed == 2)
    }

    @Test func aHeaderThatContradictsItselfIsDropped() throws {
        let world = try NetworkWorld()
        let frame = PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number)
        let headers = [
            // A checksum before the frame's payload, behind its end, and one that wraps around.
            PacketBytes.header(flags: 1, checksumStart: 3),
            PacketBytes.header(flags: 1, checksumStart: 17, checksumOffset: 2),
            PacketBytes.header(flags: 1, checksumStart: UInt16(frame.count) - 1),
            PacketBytes.header(flags: 1, checksumStart: 0xffff, checksumOffset: 0xffff),
            // Cutting without a checksum, into nothing, with headers longer than the frame or shorter than a tag.
            PacketBytes.header(segmentation: 1, segmentSize: 1000),
            PacketBytes.header(flags: 1, segmentation: 1, checksumStart: 38),
            // Cutting into thousands of pieces.
            PacketBytes.header(flags: 1, segmentation: 1, segmentSize: 7, checksumStart: 38),
            PacketBytes.header(flags: 1, segmentation: 4, headerLength: 9000, segmentSize: 9, checksumStart: 38),
            PacketBytes.header(flags: 1, segmentation: 4, headerLength: 2, segmentSize: 9, checksumStart: 38),
            // UDP, ECN, and what does not exist.
            PacketBytes.header(flags: 1, segmentation: 3, segmentSize: 9, checksumStart: 38),
            PacketBytes.header(flags: 1, segmentation: 0x81, segmentSize: 9, checksumStart: 38),
            PacketBytes.header(segmentation: 0xff),
        ]
        for header in headers { try world.send(header + frame) }
        #expect(world.wires[0].takePackets().isEmpty)
        #expect(world.device.counters.malformed == UInt64(headers.count))
    }

    @Test func whatWasNotNegotiatedIsDropped() throws {
        let world = try NetworkWorld(starting: false)
        world.driver.start(features: world.features(without: 0, 11, 12))
        let frame = PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number)
        try world.send(PacketBytes.header(flags: 1, checksumStart: 38) + frame)
        #expect(world.device.counters.malformed == 1)
        try world.send(PacketBytes.header() + frame)
        #expect(world.wires[0].takePackets().count == 1)
    }

    /// A program may have chosen it: its frame is lost, and nobody else's.
    @Test func aFrameOutsideOfMemoryIsDropped() throws {
        let world = try NetworkWorld()
        try world.driver.queues[1].add([.range(1 << 40, 100, writable: false)])
        world.driver.notify(1)
        #expect(try world.driver.queues[1].takeUsed().count == 1)
        #expect(world.device.counters.malformed == 1)
        let frame = PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number)
        try world.send(PacketBytes.header() + frame)
        #expect(world.wires[0].takePackets().count == 1)
        #expect(!world.driver.needsReset)
    }

    /// The headers are where they should be, but the payload is not: nothing of it goes out.
    @Test func aPayloadOutsideOfMemoryIsDropped() throws {
        let world = try NetworkWorld()
        let frame = PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number)
        try world.driver.queues[1].add([.readable(PacketBytes.header() + frame), .range(1 << 40, 100, writable: false)])
        world.driver.notify(1)
        #expect(!world.driver.needsReset)
        #expect(try world.driver.queues[1].takeUsed().count == 1)
        #expect(world.wires[0].takePackets().isEmpty)
    }

    @Test func aPayloadInAnImageGoesOut() throws {
        let world = try NetworkWorld()
        let image = try Mapping(.anonymous, sizeInBytes: 4096)
        try world.driver.memory.addReadOnlyRegion(at: GuestAddress(1 << 32), backedBy: image)
        let frame = PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number)
        try world.driver.queues[1].add([.readable(PacketBytes.header() + frame), .range(1 << 32, 100, writable: false)])
        world.driver.notify(1)
        let sent = PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine)
        #expect(world.wires[0].takePackets() == [sent + [UInt8](repeating: 0, count: 100)])
    }

    @Test func aBusyGuestLetsOthersHaveTheirTurn() throws {
        let world = try NetworkWorld()
        let packet = PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number)
        for _ in 0..<100 { try world.driver.queues[1].add([.readable(packet)]) }
        world.driver.notify(1)
        #expect(world.device.counters.transmitted == 64)
        #expect(world.driver.repeater.take() == [1])
    }

    @Test func whatNobodyTakesIsLostAndNotWaitedFor() throws {
        let world = try NetworkWorld()
        let packet = PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine, port: 1, payload: 30_000)
        for _ in 0..<30 { try world.send(packet) }
        #expect(world.device.counters.refused > 0)
        #expect(world.device.counters.refused + world.device.counters.transmitted == 30)
        #expect(try world.driver.queues[1].takeUsed().count == 30)
    }
}
