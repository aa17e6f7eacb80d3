import ControlProtocol
import Machine
import Virtio

/// A VM that is one container's: it takes no second one, and ends with the first.
extension Supervisor {
    /// Whether a container was taken at any time.
    var hasHadContainer: Bool { nextContainer > 1 }

    /// Whether the VM was started ahead of demand, and nobody has come yet.
    var isWaiting: Bool { configuration.waiting != nil && !hasHadContainer }

    /// The container is gone: so is the VM, as soon as its clients and its log have all that it has printed. There is
    /// nothing in the guest that its end could lose, so nobody asks the guest.
    func endWithOutput(of container: Container) {
        guard container.taps.isEmpty else { return }
        state = .stopping
        machine.vsock.whenOutputIsOut { [machine] in machine.stop() }
    }
}
