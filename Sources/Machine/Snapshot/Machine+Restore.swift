import Devices
import Hypervisor
import LinuxSystem
import Virtio

extension Machine {
    /// Makes the machine's parts what the saved ones were. Its processors have been made and have not run.
    func restore(_ state: MachineState) throws(SnapshotError) {
        try state.shape.check(against: shape)
        do {
            try virtualMachine.restore(state.machine)
            for (processor, saved) in zip(processors, state.processors) { try processor.cpu.restore(saved) }
            try Self.restore("console", state.serial) { reader throws(StateError) in try serial?.restore(from: &reader)
            }
            for (slot, saved) in zip(slots, state.devices) {
                try Self.restore("virtio", saved) { reader throws(StateError) in
                    try slot.transport.restore(from: &reader)
                }
            }
        } catch let error as StateError { throw .state(error) } catch { throw .other("\(error)") }
    }

    private static func restore(
        _ section: String, _ saved: [UInt8], _ body: (inout StateReader) throws(StateError) -> Void
    ) throws(StateError) {
        var reader = StateReader(saved)
        try body(&reader)
        guard reader.remaining == 0 else { throw .trailingBytes(section: section, count: reader.remaining) }
    }

    /// Before a restored machine runs, with the device lock held: its devices take up what was under way, and its guest
    /// learns that nobody holds the other ends of its connections any more.
    func resumeDevices() {
        serial?.resume()
        for slot in slots { slot.transport.resume() }
        vsock.resetTransport()
    }
}
