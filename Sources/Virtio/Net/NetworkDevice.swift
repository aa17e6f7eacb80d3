public import Devices
public import LinuxSystem
import Memory
import Synchronization

/// A network interface (virtio 1.2 §5.1) whose host side is a switch between the driver and the ports of pods.
///
/// Frames carry the number of their port as a VLAN tag (IEEE 802.1Q) between device and driver, and nowhere else: the
/// device puts it on what comes from a port's tap, and takes it off what goes there. So the guest can demultiplex by
/// one number that no pod chooses, a broadcast reaches the pod whose port it came by and no other, and two pods of a VM
/// talk to each other through the host's network only. What the guest sends is checked: a tag without a port, or a
/// source address that is not the port's, and the frame is gone.
///
/// Offloads go through: the taps carry the same header as the driver's buffers, and payload goes straight between a tap
/// and guest memory. Protected by the device lock, which is given back for each frame's way (`move`).
public final class NetworkDevice: VirtioDevice {
    /// Feature bits of §5.1.3.
    enum Feature {
        static let checksum: UInt64 = 1 << 0
        static let guestChecksum: UInt64 = 1 << 1
        static let mtu: UInt64 = 1 << 3
        static let address: UInt64 = 1 << 5
        static let guestTCP4: UInt64 = 1 << 7
        static let guestTCP6: UInt64 = 1 << 8
        static let hostTCP4: UInt64 = 1 << 11
        static let hostTCP6: UInt64 = 1 << 12
        static let mergeableBuffers: UInt64 = 1 << 15
    }

    enum Queue {
        static let receive = 0
        static let transmit = 1
    }

    /// Entries of each queue: with a driver's buffers of 1.5 KiB enough for six frames of the largest size.
    static let queueSize: UInt16 = 256
    /// What one notification, or one readiness of a tap, moves at most before others have their turn.
    static let framesPerTurn = 64
    /// As many as a VM can have containers.
    public static let maxPorts = 256
    /// Of the interface that the guest's kernel makes ports of; no frame ever bears it. Locally administered.
    static let trunkAddress = EthernetAddress(0x0263_7a6f_6e65)
    /// What the ports' own interfaces can go up to.
    static let mtu: UInt16 = 65_535

    let loop: EventLoop
    /// By number, which is never 0; at most `maxPorts`.
    public internal(set) var ports: [UInt16: NetworkPort] = [:]
    /// Since the machine started; saved with nothing.
    public internal(set) var counters = NetworkCounters()
    /// Of all ports that there are and were.
    public internal(set) var traffic = NetworkTraffic()
    /// Learns of frames that the guest sent and that go nowhere. Immutable after the machine is built.
    public weak var faultObserver: (any GuestFaultObserver)?
    private var nextNumber: UInt16 = 1
    private(set) var features: UInt64 = 0
    private(set) var receiveQueue: DeviceQueue?
    private(set) var transmitQueue: DeviceQueue?
    /// What the next frame's way begins or ends with in this process, and its place in guest memory.
    let transfer = GuestTransfer(headCapacity: PacketHeader.sizeInBytes + NetworkFrame.addressesSize)
    /// Those that frames are read into.
    var buffers = ReceiveBuffers()
    /// A frame is on its way without the device lock, which others may hold: the queues are not theirs meanwhile.
    var isMoving = false
    /// How often the driver has taken its buffers back. Raised with the device lock held.
    let resets = Atomic<UInt64>(0)
    /// Held while a frame is on its way; taken with the device lock held, or with none.
    let moves = Lock()
    /// A frame for which the driver's buffers had too little room: packet header, addresses, tag, rest. Empty while there
    /// are no ports.
    var frame: [UInt8] = []
    /// A frame in `frame` that waits for the driver's buffers: its size with header and tag. Nothing else is taken
    /// from any tap meanwhile.
    var heldSize: Int?
    /// The port that the held frame came by.
    weak var heldPort: NetworkPort?

    /// - Parameter loop: its handlers are called with the device lock held.
    public init(loop: EventLoop) { self.loop = loop }

    /// The device ID of §5.1.1.
    public var type: DeviceType { .network }

    public var offeredFeatures: UInt64 {
        Feature.checksum | Feature.guestChecksum | Feature.mtu | Feature.address | Feature.guestTCP4
            | Feature.guestTCP6 | Feature.hostTCP4 | Feature.hostTCP6 | Feature.mergeableBuffers
    }

    public var queueSizes: [UInt16] { [Self.queueSize, Self.queueSize] }

    /// §5.1.4: mac, status, max_virtqueue_pairs, mtu; the second and third belong to features that are not offered.
    public var configuration: [UInt8] {
        Self.trunkAddress.octets + [0, 0, 0, 0, UInt8(Self.mtu & 0xff), UInt8(Self.mtu >> 8)]
    }

    public func activate(_ activation: Activation) {
        features = activation.features
        receiveQueue = activation.queues[Queue.receive]
        transmitQueue = activation.queues[Queue.transmit]
        watchPorts()
    }

    public func reset() {
        for port in ports.values { unwatch(port) }
        endMoves()
        (receiveQueue, transmitQueue, heldSize, features) = (nil, nil, nil, 0)
        buffers.forget()
    }

    public func handleNotification(queue index: Int) {
        switch index {
        case Queue.receive: buffersCame()
        case Queue.transmit: transmit()
        default: break
        }
    }

    /// A snapshot is of a VM without ports: their taps cannot be saved. What else there is, the transport knows.
    public func save(to writer: inout StateWriter) { writer.write(nextNumber) }

    public func restore(from reader: inout StateReader) throws(StateError) {
        let number: UInt16 = try reader.read()
        guard Self.numbers.contains(number) else { throw .invalid("the next network port is \(number)") }
        nextNumber = number
    }

    // MARK: Ports

    /// VLAN identifiers: 0 means none, 4095 is reserved.
    private static let numbers: ClosedRange<UInt16> = 1...4094

    /// Adds a port. Its number is none that another port had lately: the guest may not be done with that one's
    /// interface yet.
    ///
    /// `tap`: of a tap interface with packet headers of 12 bytes (IFF_VNET_HDR) whose offloads are at most
    ///   TUN_F_CSUM, TUN_F_TSO4 and TUN_F_TSO6; becomes non-blocking.
    public func addPort(_ address: EthernetAddress, tap: OwnedDescriptor) throws(NetworkPortError) -> NetworkPort {
        guard !address.isGroup, address.rawValue != 0 else { throw .notAnAddress(address) }
        guard !ports.values.contains(where: { $0.address == address }) else { throw .addressInUse(address) }
        guard ports.count < Self.maxPorts else { throw .tooMany(Self.maxPorts) }
        do { try tap.setNonBlocking() } catch { throw .system(error) }
        while ports[nextNumber] != nil { advanceNumber() }
        let port = NetworkPort(number: nextNumber, address: address, tap: tap)
        advanceNumber()
        if frame.isEmpty {
            frame = [UInt8](
                repeating: 0, count: PacketHeader.sizeInBytes + NetworkFrame.tagSize + NetworkFrame.maxBytes + 1)
        }
        ports[port.number] = port
        watch(port)
        return port
    }

    /// Takes a port away, and its tap's interface with it, unless others have that open.
    public func removePort(_ port: NetworkPort) {
        guard ports[port.number] === port else { return }
        unwatch(port)
        ports[port.number] = nil
        // Whose frame is held is of no matter any more where there is nobody else.
        if ports.isEmpty { (frame, heldSize) = ([], nil) }
    }

    private func advanceNumber() {
        nextNumber = nextNumber == Self.numbers.upperBound ? Self.numbers.lowerBound : nextNumber + 1
    }
}
