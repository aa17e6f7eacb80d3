/// The line by which a device interrupts its guest: an input of the machine's IOAPIC, edge-triggered and maybe shared.
///
/// Called with the VM's device lock held.
public protocol InterruptLine: AnyObject {
    /// Signals one edge. Raising a line again before the guest has handled it may add nothing: a device keeps its own
    /// status, and raises the line for each reason that comes up.
    func raise()
}
