import Devices

/// From the device to its driver (virtio 1.2 §4.2.3.3, §4.2.3.4).
///
/// The line is edge-triggered and shared between devices. An edge can be lost only on a guest that has not handled the
/// one before; so every reason raises it anew, and an acknowledgement that leaves a reason standing does too.
extension MMIOTransport: DriverNotifier {
    public func notifyUsedBuffers() {
        guard status.isRunning else { return }
        interruptStatus.insert(.usedBuffers)
        interrupt.raise()
    }

    public func notifyConfigurationChange() {
        configurationGeneration &+= 1
        // §3.1.1: a driver hears nothing before DRIVER_OK; it reads the configuration by itself.
        guard status.contains(.driverOK), !status.contains(.failed) else { return }
        interruptStatus.insert(.configurationChange)
        interrupt.raise()
    }

    public func reportProtocolViolation(_ reason: String) {
        violationCount &+= 1
        lastViolation = reason
        faultObserver?.device(device.type, brokeProtocol: reason)
        guard !status.contains(.needsReset) else { return }
        status.insert(.needsReset)
        stopQueues()
        // §2.1.2: a running driver is notified by a configuration change.
        notifyConfigurationChange()
    }

    public func repeatNotification(queue: Int) { repeater?.repeatNotification(queue: queue) }

    func acknowledge(_ causes: InterruptCause) {
        interruptStatus.subtract(causes)
        if !interruptStatus.isEmpty { interrupt.raise() }
    }

    /// After a restore, when the interrupt controllers have their state too: raises what the driver has not handled,
    /// and has the device look at every queue, since notifications under way are not saved.
    public func resume() {
        guard status.contains(.driverOK) else { return }
        if !interruptStatus.isEmpty { interrupt.raise() }
        for index in queues.keys.sorted() { handleNotification(queue: index) }
    }
}
