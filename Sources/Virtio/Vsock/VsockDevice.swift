public import LinuxSystem
import Memory

/// A socket device (virtio 1.2 §5.10): streams between guest ports and descriptors of the host.
///
/// The host decides who may connect: a guest reaches a port only where a descriptor waits for it (`expect`), or a
/// listener takes it (`listen`). Everything is bounded: connections, bytes kept for a slow reader, resets owed.
/// Protected by the device lock; the event loop's handlers run with it held.
public final class VsockDevice: VirtioDevice {
    /// The host's context id (§5.10.4).
    static let hostContext: UInt64 = 2
    static let maxConnections = 1024
    /// Resets owed to ports that have no connection; a guest that makes more gets no answer.
    static let maxStrayResets = 64
    /// Work for one event before others have their turn.
    static let packetsPerTurn = 32
    /// VIRTIO_VSOCK_MAX_PKT_BUF_SIZE of the driver.
    static let maxPayload = 64 << 10

    enum Queue {
        static let receive = 0
        static let transmit = 1
        static let event = 2
    }

    let guestContext: UInt64
    let loop: EventLoop
    var connections: [VsockConnectionID: VsockConnection] = [:]
    /// Connections that owe the guest a packet, in the order of their turn.
    var owing: [VsockConnectionID] = []
    var strayResets: [VsockHeader] = []
    /// Connections whose descriptors wait until the guest has buffers.
    var starved: Set<VsockConnectionID> = []
    private var expected: [UInt32: OwnedDescriptor] = [:]
    private var listeners: [UInt32: (UInt32) -> OwnedDescriptor?] = [:]
    /// Called once, when no connection has bytes of the guest left; see `whenOutputIsOut`.
    private var onOutputOut: (() -> Void)?
    private var nextHostPort: UInt32 = 0x4000_0000

    var receiveQueue: DeviceQueue?
    var transmitQueue: DeviceQueue?
    var eventQueue: DeviceQueue?

    /// `guestContext`: the guest's own number, from 3 up.
    public init(guestContext: UInt64 = 3, loop: EventLoop) {
        self.guestContext = guestContext
        self.loop = loop
    }

    /// The device ID of §5.10.1.
    public var type: DeviceType { .vsock }
    public var offeredFeatures: UInt64 { 0 }
    public var queueSizes: [UInt16] { [256, 256, 16] }
    public var configuration: [UInt8] { guestContext.littleEndianBytes }

    public func activate(_ activation: Activation) {
        receiveQueue = activation.queues[Queue.receive]
        transmitQueue = activation.queues[Queue.transmit]
        eventQueue = activation.queues[Queue.event]
    }

    public func reset() {
        (receiveQueue, transmitQueue, eventQueue) = (nil, nil, nil)
        for connection in connections.values { loop.remove(connection.descriptor) }
        connections = [:]
        owing = []
        strayResets = []
        starved = []
    }

    public func handleNotification(queue index: Int) {
        switch index {
        case Queue.receive: feedStarved()
        case Queue.transmit: takePackets()
        default: break
        }
    }

    // MARK: The host's side

    /// Lets the guest connect once to a host port; the stream's other end is `descriptor`, a stream socket.
    public func expect(on hostPort: UInt32, _ descriptor: OwnedDescriptor) { expected[hostPort] = descriptor }

    /// Takes back an expectation that the guest has not met; false where it has.
    @discardableResult
    public func forget(_ hostPort: UInt32) -> Bool { expected.removeValue(forKey: hostPort) != nil }

    /// Whether the guest has not met an expectation yet.
    public func isExpected(_ hostPort: UInt32) -> Bool { expected[hostPort] != nil }

    /// Lets the guest connect to a host port any number of times; `accept` gets the guest's port and gives the
    /// stream's other end, or nil to refuse.
    public func listen(on hostPort: UInt32, accept: @escaping (UInt32) -> OwnedDescriptor?) {
        listeners[hostPort] = accept
    }

    /// Connects to a port of the guest; the descriptor is closed where it refuses. False where there are too many
    /// connections.
    public func connect(to guestPort: UInt32, _ descriptor: OwnedDescriptor) -> Bool {
        guard connections.count < Self.maxConnections, (try? descriptor.setNonBlocking()) != nil else { return false }
        let id = VsockConnectionID(hostPort: nextHostPort, guestPort: guestPort)
        nextHostPort = nextHostPort == 0x7fff_ffff ? 0x4000_0000 : nextHostPort + 1
        guard connections[id] == nil else { return false }
        let connection = VsockConnection(id, descriptor: descriptor, isEstablished: false)
        connections[id] = connection
        owe(.request, connection)
        pump()
        return true
    }

    /// Reports to the guest's driver that all its connections are gone (VIRTIO_VSOCK_EVENT_TRANSPORT_RESET, §5.10.6.7):
    /// after a VM was restored, whose streams nobody holds any more.
    public func resetTransport() {
        for connection in connections.values { loop.remove(connection.descriptor) }
        connections = [:]
        owing = []
        starved = []
        guard let queue = eventQueue, let chain = queue.pop() else { return }
        var writer = ChainWriter(chain, in: queue.memory)
        do throws(ChainError) { try writer.writeInteger(UInt32(0)) } catch {
            return queue.fail("vsock event: \(error)")
        }
        queue.push(chain, written: writer.written)
        queue.notifyIfNeeded()
    }

    /// Calls `action` once all that the guest has sent so far is out, or lost with a connection: at once where it is.
    public func whenOutputIsOut(_ action: @escaping () -> Void) {
        onOutputOut = action
        noteOutput()
    }

    /// Some of the guest's bytes have gone out.
    func noteOutput() {
        guard let action = onOutputOut, !connections.values.contains(where: \.wantsOutput) else { return }
        onOutputOut = nil
        action()
    }

    /// The host's end for a guest that wants to connect to a port, if it may.
    func hostEnd(for id: VsockConnectionID) -> OwnedDescriptor? {
        if let descriptor = expected.removeValue(forKey: id.hostPort) { return descriptor }
        return listeners[id.hostPort]?(id.guestPort)
    }
}
