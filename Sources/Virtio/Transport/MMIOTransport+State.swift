public import Devices
import Memory

/// Saving and restoring a device with its transport, for snapshots.
extension MMIOTransport {
    private static let section = "virtio-mmio"

    /// Writes everything that the driver can observe, the queues' progress, and the device's own state.
    public func save(to writer: inout StateWriter) {
        writer.section(Self.section, version: 1) { writer in
            writer.write(device.type.rawValue)
            writer.write(status.rawValue)
            writer.write(driverFeatures)
            writer.write(deviceFeaturesSelect)
            writer.write(driverFeaturesSelect)
            writer.write(queueSelect)
            writer.write(interruptStatus.rawValue)
            writer.write(configurationGeneration)
            writer.write(UInt16(setups.count))
            for (index, setup) in setups.enumerated() {
                setup.save(queues[index]?.virtqueue.progress ?? Virtqueue.Progress(), to: &writer)
            }
        }
        writer.section("device", version: 1) { device.save(to: &$0) }
    }

    /// Takes up saved state. Whatever is wrong with it, the device is left reset.
    public func restore(from reader: inout StateReader) throws(StateError) {
        reset()
        do {
            try restoreChecked(from: &reader)
        } catch {
            reset()
            throw error
        }
    }

    private func restoreChecked(from reader: inout StateReader) throws(StateError) {
        let progress = try reader.section(Self.section, newest: 1) { (reader, _) throws(StateError) in
            try restoreRegisters(from: &reader)
        }
        if status.isRunning {
            do { try activate(progress: progress) } catch { throw .invalid(error.description) }
        }
        try reader.section("device", newest: 1) { (reader, _) throws(StateError) in
            try device.restore(from: &reader)
        }
    }

    private func restoreRegisters(from reader: inout StateReader) throws(StateError) -> [Int: Virtqueue.Progress] {
        let type = try reader.read(UInt32.self)
        // Nobody has driven a placeholder: any device may have come in its place.
        let wasPlaceholder = type == DeviceType.placeholder.rawValue
        guard type == device.type.rawValue || wasPlaceholder else {
            throw .invalid("a device of type \(type) where one of type \(device.type.rawValue) is")
        }
        status = DeviceStatus(rawValue: try reader.read())
        driverFeatures = try reader.read()
        deviceFeaturesSelect = try reader.read()
        driverFeaturesSelect = try reader.read()
        queueSelect = try reader.read()
        interruptStatus = InterruptCause(rawValue: try reader.read())
        configurationGeneration = try reader.read()
        guard DeviceStatus.all.isSuperset(of: status), InterruptCause.all.isSuperset(of: interruptStatus),
            DeviceStatus.order.allSatisfy({ !status.contains($0.bit) || status.isSuperset(of: $0.after) }),
            !status.contains(.featuresOK) || featuresAreAcceptable
        else {
            throw .invalid("device status \(status.rawValue) with features \(driverFeatures)")
        }
        guard !wasPlaceholder || status == [] else { throw .invalid("a placeholder with status \(status.rawValue)") }
        let count = try reader.read(UInt16.self)
        guard Int(count) == setups.count else { throw .invalid("\(count) queues, expected \(setups.count)") }
        var progress: [Int: Virtqueue.Progress] = [:]
        for index in setups.indices {
            (setups[index], progress[index]) = try QueueSetup.restore(from: &reader)
        }
        return progress
    }
}

extension MMIOTransport.QueueSetup {
    fileprivate func save(_ progress: Virtqueue.Progress, to writer: inout StateWriter) {
        writer.write(isReady)
        writer.write(configuration.size)
        writer.write(configuration.descriptorTable.rawValue)
        writer.write(configuration.availableRing.rawValue)
        writer.write(configuration.usedRing.rawValue)
        writer.write(progress.nextAvailable)
        writer.write(progress.nextUsed)
        writer.write(progress.lastNotified)
    }

    fileprivate static func restore(from reader: inout StateReader) throws(StateError) -> (Self, Virtqueue.Progress) {
        let isReady = try reader.readBool()
        let configuration = Virtqueue.Configuration(
            size: try reader.read(), descriptorTable: GuestAddress(try reader.read()),
            availableRing: GuestAddress(try reader.read()), usedRing: GuestAddress(try reader.read()))
        let progress = Virtqueue.Progress(
            nextAvailable: try reader.read(), nextUsed: try reader.read(), lastNotified: try reader.read())
        return (Self(configuration: configuration, isReady: isReady), progress)
    }
}
