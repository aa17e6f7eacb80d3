public import Devices
import LinuxSystem
public import Memory

/// A virtio device behind memory-mapped registers (virtio 1.2 §4.2, version 2; no legacy interface).
///
/// Owns the negotiation: features, status, queues. What the driver configures is checked when it sets DRIVER_OK and
/// frozen from then on: rings that could still move are how a guest writes outside its memory (CVE-2026-5747). A driver
/// that breaks the protocol gets DEVICE_NEEDS_RESET, is counted, and reaches the device no more until its reset.
///
/// Protected by the device lock.
public final class MMIOTransport: BusDevice {
    /// How many bytes of MMIO addresses a transport takes.
    public static let sizeInBytes: UInt64 = 0x1000
    /// Where a write of a queue's index notifies the device: the place for an ioeventfd.
    public static let notifyOffset: UInt64 = MMIORegister.queueNotify.rawValue

    /// A queue as the driver has set it up so far.
    struct QueueSetup: Equatable {
        var configuration = Virtqueue.Configuration()
        var isReady = false
    }

    /// What is behind the registers. Immutable.
    public let device: any VirtioDevice
    let memory: GuestMemory
    let interrupt: any InterruptLine
    /// Immutable after the machine is built. Without it a device that asks for a repetition waits for its driver.
    public weak var repeater: (any NotificationRepeater)?

    var status: DeviceStatus = []
    var driverFeatures: UInt64 = 0
    var deviceFeaturesSelect: UInt32 = 0
    var driverFeaturesSelect: UInt32 = 0
    var queueSelect: UInt32 = 0
    var setups: [QueueSetup]
    /// The queues that the device has; empty until DRIVER_OK.
    var queues: [Int: DeviceQueue] = [:]
    var interruptStatus: InterruptCause = []
    var configurationGeneration: UInt32 = 0

    /// Learns of every violation. Immutable after the machine is built.
    public weak var faultObserver: (any GuestFaultObserver)?

    /// How often a driver has broken the protocol since the machine started.
    public internal(set) var violationCount: UInt64 = 0
    /// What the driver did last that broke the protocol.
    public internal(set) var lastViolation: String?

    /// A transport after reset.
    ///
    /// - `memory`: where the driver's rings must lie.
    /// - `interrupt`: the device's line, which others may share.
    public init(
        _ device: any VirtioDevice, memory: GuestMemory, interrupt: any InterruptLine,
        repeater: (any NotificationRepeater)? = nil
    ) {
        self.device = device
        self.memory = memory
        self.interrupt = interrupt
        self.repeater = repeater
        setups = Array(repeating: QueueSetup(), count: device.queueSizes.count)
    }

    /// How many queues the device has, enabled or not: as many ioeventfds.
    public var queueCount: Int { setups.count }

    /// Whether the driver has set the device up and neither side has given up.
    public var isRunning: Bool { status.isRunning }

    var offeredFeatures: UInt64 { device.offeredFeatures | RingFeature.offered }

    // MARK: Bus

    /// A register, which is read in 4 bytes only, or a part of the configuration space; 0 for anything else (§4.2.2).
    public func read(offset: UInt64, width: Int) -> UInt64 {
        if offset >= MMIORegister.configurationStart { return readConfiguration(offset: offset, width: width) }
        guard width == 4, let register = MMIORegister(rawValue: offset) else { return 0 }
        return UInt64(read(register))
    }

    /// Writes a register, in 4 bytes only, or the configuration space; anything else is ignored.
    public func write(_ value: UInt64, offset: UInt64, width: Int) {
        if offset >= MMIORegister.configurationStart {
            writeConfiguration(value, offset: offset, width: width)
            return
        }
        guard width == 4, let register = MMIORegister(rawValue: offset) else { return }
        write(UInt32(truncatingIfNeeded: value), to: register)
    }

    /// The driver has put buffers into a queue: called by the transport itself, and by the waiter for the queue's
    /// ioeventfd. Indices of queues that do not run are ignored.
    public func handleNotification(queue index: Int) {
        guard status.isRunning, queues[index] != nil else { return }
        device.handleNotification(queue: index)
    }

    private func read(_ register: MMIORegister) -> UInt32 {
        switch register {
        case .magicValue: MMIORegister.magic
        case .version: 2
        case .deviceID: device.type.rawValue
        case .vendorID: MMIORegister.vendor
        case .deviceFeatures: half(deviceFeaturesSelect, of: offeredFeatures)
        case .queueSizeMax: selectedQueue.map { UInt32(device.queueSizes[$0]) } ?? 0
        case .queueReady: selectedQueue.map { setups[$0].isReady ? 1 : 0 } ?? 0
        case .interruptStatus: interruptStatus.rawValue
        case .status: UInt32(status.rawValue)
        case .configurationGeneration: configurationGeneration
        // §4.2.2: a region that does not exist has the length -1.
        case .sharedMemoryLengthLow, .sharedMemoryLengthHigh, .sharedMemoryBaseLow, .sharedMemoryBaseHigh: .max
        default: 0
        }
    }

    private func write(_ value: UInt32, to register: MMIORegister) {
        switch register {
        case .deviceFeaturesSelect: deviceFeaturesSelect = value
        case .driverFeaturesSelect: driverFeaturesSelect = value
        case .driverFeatures: writeDriverFeatures(value)
        case .queueSelect: queueSelect = value
        case .queueSize, .queueReady, .queueDescriptorLow, .queueDescriptorHigh, .queueDriverLow, .queueDriverHigh,
            .queueDeviceLow, .queueDeviceHigh:
            configureQueue(register, value)
        case .queueNotify: handleNotification(queue: Int(value))
        case .interruptAcknowledge: acknowledge(InterruptCause(rawValue: value))
        case .status: writeStatus(value)
        default: break
        }
    }

    /// The 32 feature bits that a select register means; there are 64.
    private func half(_ select: UInt32, of features: UInt64) -> UInt32 {
        select < 2 ? UInt32(truncatingIfNeeded: features >> (32 * UInt64(select))) : 0
    }

    // MARK: Configuration space

    private func readConfiguration(offset: UInt64, width: Int) -> UInt64 {
        let bytes = device.configuration
        let start = offset - MMIORegister.configurationStart
        guard (1...8).contains(width), start < bytes.count else { return 0 }
        var value: UInt64 = 0
        for (place, byte) in bytes[Int(start)...].prefix(width).enumerated() {
            value |= UInt64(byte) << (8 * UInt64(place))
        }
        return value
    }

    private func writeConfiguration(_ value: UInt64, offset: UInt64, width: Int) {
        let start = offset - MMIORegister.configurationStart
        let size = device.configuration.count
        guard status.contains(.driver), status.isDisjoint(with: [.needsReset, .failed]),
            (1...8).contains(width), start < size, width <= size - Int(start)
        else { return }
        device.writeConfiguration(
            Array(value.littleEndianBytes.prefix(width)), offset: Int(start))
    }
}
