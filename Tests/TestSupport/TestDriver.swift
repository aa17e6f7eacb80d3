public import Devices
public import LinuxSystem
public import Memory
public import Virtio

/// Counts how often it was raised.
public final class CountingLine: InterruptLine {
    public private(set) var count = 0
    public init() {}
    public func raise() { count += 1 }
}

/// Remembers which queues asked to be handled again.
public final class RecordingRepeater: NotificationRepeater {
    public private(set) var queues: [Int] = []
    public init() {}
    public func repeatNotification(queue: Int) { queues.append(queue) }
    /// The queues asked for since the last call.
    public func take() -> [Int] {
        defer { queues = [] }
        return queues
    }
}

extension GuestMemory {
    /// Zeroed memory from an address on.
    public static func zeroed(at start: UInt64 = 0, sizeInBytes: Int) throws -> GuestMemory {
        let memory = GuestMemory()
        try memory.addRegion(at: GuestAddress(start), backedBy: Mapping(.anonymous, sizeInBytes: sizeInBytes))
        return memory
    }
}

/// A driver that speaks to a device through its MMIO registers, as a guest's kernel does.
public final class TestDriver {
    /// Offsets of the registers (virtio 1.2 §4.2.2).
    public enum Register: UInt64, Sendable {
        case magicValue = 0x00, version = 0x04, deviceID = 0x08, vendorID = 0x0c
        case deviceFeatures = 0x10, deviceFeaturesSelect = 0x14, driverFeatures = 0x20, driverFeaturesSelect = 0x24
        case queueSelect = 0x30, queueSizeMax = 0x34, queueSize = 0x38, queueReady = 0x44, queueNotify = 0x50
        case interruptStatus = 0x60, interruptAcknowledge = 0x64, status = 0x70
        case descriptorLow = 0x80, descriptorHigh = 0x84, driverLow = 0x90, driverHigh = 0x94
        case deviceLow = 0xa0, deviceHigh = 0xa4
        case sharedMemorySelect = 0xac, sharedMemoryLengthLow = 0xb0, sharedMemoryLengthHigh = 0xb4
        case queueReset = 0xc0, configurationGeneration = 0xfc, configuration = 0x100
    }

    public enum Status {
        public static let acknowledge: UInt32 = 1
        public static let driver: UInt32 = 2
        public static let driverOK: UInt32 = 4
        public static let featuresOK: UInt32 = 8
        public static let needsReset: UInt32 = 64
        public static let failed: UInt32 = 128
    }

    public let memory: GuestMemory
    public let line = CountingLine()
    public let repeater = RecordingRepeater()
    public let transport: MMIOTransport
    private let lock: Lock
    public var queues: [DriverQueue] = []

    /// A driver with rings and buffers at `base` and up, 320 KiB for each queue.
    ///
    /// `lock`: the device's, which its registers are used with.
    public init(
        _ device: any VirtioDevice, memory: GuestMemory, base: UInt64 = 0x10000, queueSize: UInt16? = nil,
        lock: Lock = Lock()
    ) {
        self.memory = memory
        self.lock = lock
        transport = MMIOTransport(device, memory: memory, interrupt: line, repeater: repeater)
        var next = base
        for size in device.queueSizes {
            let queue = DriverQueue(size: min(size, queueSize ?? size), at: next, in: memory)
            queues.append(queue)
            next = queue.end.rawValue
        }
    }

    public func read(_ register: Register) -> UInt32 {
        lock.locked { UInt32(truncatingIfNeeded: transport.read(offset: register.rawValue, width: 4)) }
    }

    public func write(_ value: UInt32, to register: Register) {
        lock.locked { transport.write(UInt64(value), offset: register.rawValue, width: 4) }
    }

    public func addStatus(_ bit: UInt32) { write(read(.status) | bit, to: .status) }

    public var status: UInt32 { read(.status) }
    public var needsReset: Bool { status & Status.needsReset != 0 }

    public var deviceFeatures: UInt64 {
        write(0, to: .deviceFeaturesSelect)
        let low = UInt64(read(.deviceFeatures))
        write(1, to: .deviceFeaturesSelect)
        return low | UInt64(read(.deviceFeatures)) << 32
    }

    /// A configuration field.
    public func configuration<Value: FixedWidthInteger>(_ offset: Int, as type: Value.Type = Value.self) -> Value {
        Value(
            truncatingIfNeeded: transport.read(
                offset: Register.configuration.rawValue + UInt64(offset), width: MemoryLayout<Value>.size))
    }

    /// Reset, acknowledge, accept features; the wish may be more than what is offered. Whether FEATURES_OK stayed.
    @discardableResult
    public func negotiate(features wished: UInt64? = nil) -> Bool {
        write(0, to: .status)
        addStatus(Status.acknowledge)
        addStatus(Status.driver)
        let features = wished ?? deviceFeatures
        for half in 0..<2 as Range<UInt32> {
            write(half, to: .driverFeaturesSelect)
            write(UInt32(truncatingIfNeeded: features >> (32 * UInt64(half))), to: .driverFeatures)
        }
        addStatus(Status.featuresOK)
        return read(.status) & Status.featuresOK != 0
    }

    /// Writes a queue's addresses and makes it ready.
    public func setUp(queue index: Int, as configuration: Virtqueue.Configuration) {
        write(UInt32(index), to: .queueSelect)
        write(UInt32(configuration.size), to: .queueSize)
        let addresses: [(GuestAddress, Register, Register)] = [
            (configuration.descriptorTable, .descriptorLow, .descriptorHigh),
            (configuration.availableRing, .driverLow, .driverHigh),
            (configuration.usedRing, .deviceLow, .deviceHigh),
        ]
        for (address, low, high) in addresses {
            write(UInt32(truncatingIfNeeded: address.rawValue), to: low)
            write(UInt32(truncatingIfNeeded: address.rawValue >> 32), to: high)
        }
        write(1, to: .queueReady)
    }

    /// The whole way to DRIVER_OK.
    public func start(features: UInt64? = nil) {
        negotiate(features: features)
        for (index, queue) in queues.enumerated() { setUp(queue: index, as: queue.configuration) }
        addStatus(Status.driverOK)
    }

    public func notify(_ queue: Int) { write(UInt32(queue), to: .queueNotify) }

    /// Acknowledges every interrupt; what there was.
    @discardableResult
    public func acknowledge() -> UInt32 {
        let causes = read(.interruptStatus)
        write(causes, to: .interruptAcknowledge)
        return causes
    }
}
