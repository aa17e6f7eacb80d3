import LinuxSystem
import Memory
import TestSupport
import Virtio

/// A network device with a driver and two pods' ports.
struct NetworkWorld {
    static let receive = 0
    static let transmit = 1
    static let broadcast: UInt64 = 0xffff_ffff_ffff
    static let stranger: UInt64 = 0x0200_0000_0099
    static let addresses: [UInt64] = [0x0200_0000_0001, 0x0200_0000_0002]

    let loop: EventLoop
    let device: NetworkDevice
    let driver: TestDriver
    let wires: [PacketPair]
    let ports: [NetworkPort]

    init(features: UInt64? = nil, starting: Bool = true) throws {
        loop = try EventLoop()
        device = NetworkDevice(loop: loop)
        driver = TestDriver(device, memory: try GuestMemory.zeroed(sizeInBytes: 1 << 20), lock: loop.lock)
        wires = [try PacketPair(), try PacketPair()]
        if starting { driver.start(features: features) }
        var ports: [NetworkPort] = []
        for (address, wire) in zip(Self.addresses, wires) {
            ports.append(try device.addPort(EthernetAddress(address), tap: wire.tap))
        }
        self.ports = ports
    }

    /// Everything but the named feature bits.
    func features(without bits: UInt64...) -> UInt64 { bits.reduce(driver.deviceFeatures) { $0 & ~(1 << $1) } }

    /// Sends a packet as the guest would.
    func send(_ packet: [UInt8], cut: Int? = nil, indirect: Bool = false) throws {
        var buffers: [DriverQueue.Buffer] = []
        var rest = packet[...]
        while !rest.isEmpty {
            let part = rest.prefix(cut ?? rest.count)
            buffers.append(.readable([UInt8](part)))
            rest = rest.dropFirst(part.count)
        }
        try driver.queues[Self.transmit].add(buffers, indirect: indirect)
        driver.notify(Self.transmit)
    }

    /// Gives the device room for packets.
    func offer(_ sizes: Int...) throws -> [DriverQueue.Request] {
        var requests: [DriverQueue.Request] = []
        for size in sizes { requests.append(try driver.queues[Self.receive].add([.writable(size)])) }
        driver.notify(Self.receive)
        return requests
    }

    /// What arrives at a port's tap.
    func arrive(_ packet: [UInt8], at port: Int) throws { _ = try wires[port].network.write(some: packet[...]) }

    /// Lets the device handle what its taps have.
    func handle() throws { while try loop.runOnce(timeoutInMilliseconds: 0) > 0 {} }

    /// The guest's packet that a request's buffer was filled with.
    func takeReceived(_ requests: [DriverQueue.Request]) throws -> [[UInt8]] {
        try driver.queues[Self.receive].takeUsed().map { used in
            guard let request = requests.first(where: { UInt32($0.head) == used.head }) else { return [] }
            return try driver.queues[Self.receive].bytes(of: request, from: 0, count: Int(used.written))
        }
    }
}
