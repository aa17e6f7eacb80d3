public import Devices
public import Memory

/// The device types of virtio 1.2 §5 that czone has.
public enum DeviceType: UInt32, Sendable {
    /// No device yet: drivers leave its register window alone (§4.2.2, DeviceID).
    case placeholder = 0
    case network = 1
    case entropy = 4
    case balloon = 5
    case vsock = 19
    case memory = 24
    case persistentMemory = 27
    case fileSystem = 26
}

/// A virtio device behind a transport: what it is, and what it does with its queues.
///
/// All calls are made with the VM's device lock held. The transport owns the queues until the driver sets DRIVER_OK,
/// validates them, and hands them over by `activate`; it never changes them afterwards (a queue's configuration is
/// frozen at DRIVER_OK).
public protocol VirtioDevice: AnyObject {
    /// What the driver finds it by (§5).
    var type: DeviceType { get }
    /// Device-specific feature bits that are offered, bits 0–23 and 50 up; the transport adds the ring features.
    var offeredFeatures: UInt64 { get }
    /// Those of the offered features that the driver must accept, or FEATURES_OK is refused. None by default.
    var requiredFeatures: UInt64 { get }
    /// The largest size of each queue, a power of two; as many as the device has queues.
    var queueSizes: [UInt16] { get }
    /// The configuration space as bytes now, little-endian (virtio 1.2 §2.5); its length never changes.
    var configuration: [UInt8] { get }

    /// The driver wrote to the configuration space; only few devices take that.
    func writeConfiguration(_ bytes: [UInt8], offset: Int)

    /// The driver is ready: features, queues, and the door by which the device notifies the driver.
    func activate(_ activation: Activation)

    /// The driver has put buffers into a queue.
    func handleNotification(queue: Int)

    /// The driver reset the device: forget the queues, end what is under way. Called before a new negotiation.
    func reset()

    /// Writes what the device knows besides its queues and features, which the transport saves. Nothing by default.
    func save(to writer: inout StateWriter)

    /// Takes up what `save` wrote. Called after `reset`, and after `activate` where the driver was ready.
    func restore(from reader: inout StateReader) throws(StateError)
}

extension VirtioDevice {
    public var requiredFeatures: UInt64 { 0 }
    public func writeConfiguration(_ bytes: [UInt8], offset: Int) {}
    public func save(to writer: inout StateWriter) {}
    public func restore(from reader: inout StateReader) throws(StateError) {}
}

/// What a device gets when the driver has set it up.
public struct Activation {
    /// The feature bits that both sides accepted.
    public let features: UInt64
    /// One for each queue that the driver enabled, by index. The transport keeps them too, to save their progress.
    public let queues: [Int: DeviceQueue]
    /// Where the queues and buffers are.
    public let memory: GuestMemory
    /// The transport, which owns the device: the device keeps it weakly.
    public let driver: any DriverNotifier

    /// Made by the transport at DRIVER_OK, and by tests.
    public init(features: UInt64, queues: [Int: DeviceQueue], memory: GuestMemory, driver: any DriverNotifier) {
        self.features = features
        self.queues = queues
        self.memory = memory
        self.driver = driver
    }
}

/// How a device reaches its driver. Implemented by the transport.
public protocol DriverNotifier: AnyObject {
    /// Buffers of a queue were used: interrupts the driver. `DeviceQueue.notifyIfNeeded` calls it when due.
    func notifyUsedBuffers()
    /// The configuration space changed: its generation rises and the driver is interrupted.
    func notifyConfigurationChange()
    /// The driver broke the protocol: the device sets DEVICE_NEEDS_RESET and does nothing more until a reset.
    func reportProtocolViolation(_ reason: String)
    /// Calls `handleNotification` for the queue again, when others have had their turn.
    func repeatNotification(queue: Int)
}

/// How a transport gets a queue's notification handled again, after whatever else waits for the device lock: a write to
/// the queue's ioeventfd in the product.
public protocol NotificationRepeater: AnyObject {
    /// Asks for another notification of the queue; returns at once.
    func repeatNotification(queue: Int)
}
