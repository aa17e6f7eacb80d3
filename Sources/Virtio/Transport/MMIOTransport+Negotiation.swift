import Memory

/// From reset to DRIVER_OK (virtio 1.2 §3.1.1).
extension MMIOTransport {
    /// The queue that QueueSel means, if there is one.
    var selectedQueue: Int? { queueSelect < setups.count ? Int(queueSelect) : nil }

    func writeDriverFeatures(_ value: UInt32) {
        // §2.2: the driver may not change its mind after FEATURES_OK.
        guard status.contains(.driver), !status.contains(.featuresOK) else {
            return reportProtocolViolation("driver features written in status \(status.rawValue)")
        }
        guard driverFeaturesSelect < 2 else {
            // Bits 64 and up do not exist: accepting one is accepting what was not offered.
            if value != 0 { reportProtocolViolation("features beyond bit 63 accepted") }
            return
        }
        let shift = 32 * UInt64(driverFeaturesSelect)
        driverFeatures = driverFeatures & ~(0xffff_ffff << shift) | UInt64(value) << shift
    }

    func configureQueue(_ register: MMIORegister, _ value: UInt32) {
        guard let index = selectedQueue else { return }
        // What was checked at DRIVER_OK must stay as it was checked.
        guard status.contains(.featuresOK), status.isDisjoint(with: [.driverOK, .failed, .needsReset]) else {
            return reportProtocolViolation("queue \(index) configured in status \(status.rawValue)")
        }
        if register == .queueReady {
            setups[index].isReady = value & 1 != 0
            return
        }
        guard !setups[index].isReady else {
            return reportProtocolViolation("queue \(index) configured while it is ready")
        }
        setups[index].configuration.write(value, to: register)
    }

    func writeStatus(_ value: UInt32) {
        guard value != 0 else { return reset() }
        // The driver reads the status and adds to it; NEEDS_RESET is not its to set or to clear.
        let wanted = DeviceStatus(rawValue: UInt8(truncatingIfNeeded: value)).subtracting(.needsReset)
        guard wanted.isSuperset(of: status.subtracting(.needsReset)) else {
            return reportProtocolViolation("status went from \(status.rawValue) to \(value)")
        }
        if wanted.contains(.failed) {
            status.insert(.failed)
            stopQueues()
        }
        guard status.isDisjoint(with: [.needsReset, .failed]) else { return }
        for (bit, before) in DeviceStatus.order where wanted.contains(bit) && !status.contains(bit) {
            guard status.isSuperset(of: before) else {
                return reportProtocolViolation("status \(value) out of order")
            }
            if bit == .featuresOK && !featuresAreAcceptable { return }
            status.insert(bit)
            if bit == .driverOK { activate() }
        }
    }

    /// §3.1.1 step 6: a subset of what was offered, with what cannot be left out.
    var featuresAreAcceptable: Bool {
        let required = RingFeature.version1 | device.requiredFeatures
        return driverFeatures & ~offeredFeatures == 0 && driverFeatures & required == required
    }

    private func activate() {
        do {
            try activate(progress: [:])
        } catch {
            reportProtocolViolation(error.description)
        }
    }

    /// Checks the rings of every queue that is ready, and hands them to the device.
    func activate(progress: [Int: Virtqueue.Progress]) throws(QueueConfigurationFault) {
        var made: [Int: DeviceQueue] = [:]
        for (index, setup) in setups.enumerated() where setup.isReady {
            let queue = try Virtqueue(
                setup.configuration, features: driverFeatures, largestSize: device.queueSizes[index],
                progress: progress[index] ?? Virtqueue.Progress(), in: memory)
            made[index] = DeviceQueue(queue, index: index, memory: memory, driver: self)
        }
        queues = made
        device.activate(Activation(features: driverFeatures, queues: made, memory: memory, driver: self))
    }

    func stopQueues() { for queue in queues.values { queue.stop() } }

    func reset() {
        stopQueues()
        device.reset()
        queues = [:]
        status = []
        driverFeatures = 0
        (deviceFeaturesSelect, driverFeaturesSelect, queueSelect) = (0, 0, 0)
        setups = Array(repeating: QueueSetup(), count: setups.count)
        interruptStatus = []
    }
}

extension Virtqueue.Configuration {
    mutating func write(_ value: UInt32, to register: MMIORegister) {
        switch register {
        // A size that does not fit 16 bits is no size.
        case .queueSize: size = UInt16(exactly: value) ?? 0
        case .queueDescriptorLow: descriptorTable = descriptorTable.replacingLow(value)
        case .queueDescriptorHigh: descriptorTable = descriptorTable.replacingHigh(value)
        case .queueDriverLow: availableRing = availableRing.replacingLow(value)
        case .queueDriverHigh: availableRing = availableRing.replacingHigh(value)
        case .queueDeviceLow: usedRing = usedRing.replacingLow(value)
        case .queueDeviceHigh: usedRing = usedRing.replacingHigh(value)
        default: break
        }
    }
}

extension GuestAddress {
    fileprivate func replacingLow(_ value: UInt32) -> GuestAddress {
        GuestAddress(rawValue & 0xffff_ffff_0000_0000 | UInt64(value))
    }
    fileprivate func replacingHigh(_ value: UInt32) -> GuestAddress {
        GuestAddress(rawValue & 0xffff_ffff | UInt64(value) << 32)
    }
}
