import Devices
import LinuxSystem
import Memory
import Testing
import TestSupport
import Virtio

@Suite struct NetworkPortTests {
    private let mine = NetworkWorld.addresses[0]
    private let stranger = NetworkWorld.stranger

    @Test func theConfigurationHasTheTrunksAddressAndMTU() throws {
        let world = try NetworkWorld()
        #expect(world.driver.read(.deviceID) == 1)
        #expect((0..<6).map { world.driver.configuration($0) } == [0x02, 0x63, 0x7a, 0x6f, 0x6e, 0x65] as [UInt8])
        #expect(world.driver.configuration(10, as: UInt16.self) == 65_535)
    }

    @Test func anAddressIsOnePortsOnly() throws {
        let world = try NetworkWorld()
        let address = EthernetAddress(mine)
        #expect(throws: NetworkPortError.addressInUse(address)) {
            try world.device.addPort(address, tap: try PacketPair().tap)
        }
        #expect("\(NetworkPortError.addressInUse(address))".contains("02:00:00:00:00:01"))
    }

    @Test(arguments: [0, 0xffff_ffff_ffff, 0x0100_5e00_0001] as [UInt64]) func aPortsAddressIsOneInterfaces(
        address: UInt64
    ) throws {
        let world = try NetworkWorld()
        #expect(throws: NetworkPortError.notAnAddress(EthernetAddress(address))) {
            try world.device.addPort(EthernetAddress(address), tap: try PacketPair().tap)
        }
    }

    @Test func aPortThatIsGoneCarriesNothing() throws {
        let world = try NetworkWorld()
        let room = try world.offer(2048)
        world.device.removePort(world.ports[0])
        try world.send(PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number))
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0)
        try world.handle()
        #expect(world.wires[0].takePackets().isEmpty)
        #expect(try world.takeReceived(room).isEmpty)
        #expect(world.device.counters.portless == 1)
    }

    @Test func aNumberIsNotGivenAgainSoon() throws {
        let world = try NetworkWorld()
        let before = world.ports[0].number
        world.device.removePort(world.ports[0])
        var numbers: Set<UInt16> = []
        for _ in 0..<4092 {
            let port = try world.device.addPort(EthernetAddress(mine), tap: world.wires[0].tap)
            #expect(numbers.insert(port.number).inserted)
            world.device.removePort(port)
        }
        #expect(!numbers.contains(before) && !numbers.contains(world.ports[1].number))
        // All others were had: now it is the first one's turn again, and never that of one in use.
        #expect(try world.device.addPort(EthernetAddress(mine), tap: world.wires[0].tap).number == before)
    }

    @Test func aTapThatIsGoneIsNotWatched() throws {
        let world = try NetworkWorld()
        _ = try world.offer(2048)
        world.wires[0].network.endConnection()
        try world.handle()
        #expect(try world.loop.runOnce(timeoutInMilliseconds: 0) == 0)
        try world.send(PacketBytes.header() + PacketBytes.frame(to: stranger, from: mine, port: world.ports[0].number))
        #expect(world.device.counters.refused == 1)
    }

    @Test func aResetForgetsWhatWaited() throws {
        let world = try NetworkWorld()
        _ = try world.offer(64)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger, payload: 900), at: 0)
        try world.handle()
        let again = TestDriver(world.device, memory: world.driver.memory)
        world.driver.write(0, to: .status)
        again.start()
        let request = try again.queues[0].add([.writable(2048)])
        again.notify(0)
        try world.handle()
        #expect(try again.queues[0].takeUsed().isEmpty)
        try world.arrive(PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger), at: 0)
        try world.handle()
        #expect(try again.queues[0].takeUsed() == [.init(head: UInt32(request.head), written: 76)])
    }

    @Test func aSavedDeviceGoesOnWhereItWas() throws {
        let loop = try EventLoop()
        let driver = TestDriver(NetworkDevice(loop: loop), memory: try GuestMemory.zeroed(sizeInBytes: 1 << 20))
        driver.start()
        let room = try driver.queues[0].add([.writable(2048)])
        driver.notify(0)
        var writer = StateWriter()
        driver.transport.save(to: &writer)

        let device = NetworkDevice(loop: loop)
        let restored = MMIOTransport(device, memory: driver.memory, interrupt: CountingLine())
        var reader = StateReader(writer.bytes)
        try restored.restore(from: &reader)
        #expect(reader.remaining == 0)
        let wire = try PacketPair()
        let port = try device.addPort(EthernetAddress(mine), tap: wire.tap)
        _ = try wire.network.write(some: (PacketBytes.header() + PacketBytes.frame(to: mine, from: stranger))[...])
        while try loop.runOnce(timeoutInMilliseconds: 0) > 0 {}
        #expect(try driver.queues[0].takeUsed() == [.init(head: UInt32(room.head), written: 76)])
        #expect(try driver.queues[0].bytes(of: room, from: 0, count: 28).suffix(2) == [0, UInt8(port.number)])
    }

    @Test func aSavedNumberThatNoPortCanHaveIsRefused() throws {
        let loop = try EventLoop()
        let device = NetworkDevice(loop: loop)
        var writer = StateWriter()
        writer.write(UInt16(4095))
        var reader = StateReader(writer.bytes)
        #expect(throws: StateError.self) { try device.restore(from: &reader) }
    }
}
