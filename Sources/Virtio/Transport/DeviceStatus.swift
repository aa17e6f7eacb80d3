/// The device status field (virtio 1.2 §2.1).
struct DeviceStatus: OptionSet, Sendable {
    let rawValue: UInt8

    static let acknowledge = DeviceStatus(rawValue: 1)
    static let driver = DeviceStatus(rawValue: 2)
    static let driverOK = DeviceStatus(rawValue: 4)
    static let featuresOK = DeviceStatus(rawValue: 8)
    /// Set by the device alone, until the reset.
    static let needsReset = DeviceStatus(rawValue: 64)
    /// The driver has given up.
    static let failed = DeviceStatus(rawValue: 128)

    /// The bits that a driver sets one after the other (§3.1.1), each with those that must be there before it.
    static let order: [(bit: DeviceStatus, after: DeviceStatus)] = [
        (.acknowledge, []),
        (.driver, .acknowledge),
        (.featuresOK, [.acknowledge, .driver]),
        (.driverOK, [.acknowledge, .driver, .featuresOK]),
    ]

    /// Every bit that is defined.
    static let all: DeviceStatus = [.acknowledge, .driver, .driverOK, .featuresOK, .needsReset, .failed]

    /// The driver may use its queues.
    var isRunning: Bool { contains(.driverOK) && isDisjoint(with: [.needsReset, .failed]) }
}
