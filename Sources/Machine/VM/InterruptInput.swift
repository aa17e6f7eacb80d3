import Devices
import Hypervisor

/// An interrupt line that is an input of the machine's IOAPIC.
final class InterruptInput: InterruptLine {
    private let machine: VirtualMachine
    private let number: UInt32

    /// - Parameter number: the global system interrupt, below `InterruptMap.inputCount`.
    init(_ number: UInt32, of machine: VirtualMachine) {
        self.machine = machine
        self.number = number
    }

    /// KVM refuses only an input that does not exist.
    func raise() { try? machine.interrupt(number) }
}
