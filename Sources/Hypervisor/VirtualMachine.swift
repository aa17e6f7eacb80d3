import CLinux
import Glibc
public import LinuxSystem
public import Memory

/// A KVM virtual machine with in-kernel interrupt controllers (LAPIC, IOAPIC), no PIC and no PIT: its guests have kvm-clock
/// and the TSC deadline timer.
///
/// Thread-safe: KVM serialises its requests, and all fields are immutable. A slot's number belongs to the caller that maps it.
public final class VirtualMachine: Sendable {
    let descriptor: OwnedDescriptor
    let kvm: KVM

    /// Where KVM may keep three pages (TSS) and one page (identity map) that real-mode emulation on Intel needs,
    /// above all RAM and below the local APIC.
    static let taskStateAddress: UInt64 = 0xfffb_d000
    static let identityMapAddress: UInt64 = 0xfffb_c000

    /// Makes a VM without memory and vCPUs.
    public init(on kvm: KVM) throws(HypervisorError) {
        self.kvm = kvm
        var raw: Int64
        // A signal that arrives meanwhile makes KVM give up.
        repeat { raw = clinux_ioctl(kvm.descriptor.rawValue, CLINUX_KVM_CREATE_VM, 0) } while raw == -Int64(EINTR)
        try Hypervisor.kvm("create a virtual machine", raw)
        descriptor = OwnedDescriptor(taking: CInt(raw))
        try call(
            "set the identity map's address", CLINUX_KVM_SET_IDENTITY_MAP_ADDR, pointingTo: Self.identityMapAddress)
        try Hypervisor.kvm(
            "set the task state's address",
            clinux_ioctl(descriptor.rawValue, CLINUX_KVM_SET_TSS_ADDR, Self.taskStateAddress))
        try Hypervisor.kvm(
            "create the interrupt controllers", clinux_ioctl(descriptor.rawValue, CLINUX_KVM_CREATE_IRQCHIP, 0))
        try routeInterruptsToIOAPIC()
    }

    /// KVM makes two PICs with the IOAPIC and connects lines 0 to 15 to both. This machine has no PIC: a guest that
    /// leaves it alone would get each interrupt a second time, unmasked, at an exception's vector.
    private func routeInterruptsToIOAPIC() throws(HypervisorError) {
        var bytes = encodeStructure(UInt32(Self.interruptLineCount)) + [0, 0, 0, 0]
        for line in 0..<UInt32(Self.interruptLineCount) {
            // struct kvm_irq_routing_entry: line, type, flags, padding, controller, pin, unused.
            let words =
                [line, UInt32(KVM_IRQ_ROUTING_IRQCHIP), 0, 0, UInt32(KVM_IRQCHIP_IOAPIC), line] + [0, 0, 0, 0, 0, 0]
            for word in words { bytes += encodeStructure(word) }
        }
        try exchange("route the interrupts", with: descriptor, CLINUX_KVM_SET_GSI_ROUTING, &bytes)
    }

    /// The IOAPIC's inputs, and so the most global system interrupts.
    public static let interruptLineCount = 24

    /// Maps process memory into the guest; `slot` numbers from 0 up, one mapping each.
    ///
    /// The mapping must outlive the slot: remove the slot first.
    public func mapMemory(
        slot: UInt32, at address: GuestAddress, _ mapping: Mapping, readOnly: Bool = false
    ) throws(HypervisorError) {
        try setMemory(
            slot, address, UInt64(mapping.sizeInBytes), mapping.hostAddress, readOnly ? UInt32(KVM_MEM_READONLY) : 0)
    }

    /// Gives the guest a range whose memory is mapped into the reservation only at times. While it is not, a touch of
    /// it ends in `VirtualCPUExit.inaccessibleMemory`. Unlike the removal of a slot, which on most kernels drops the
    /// whole VM's page tables, a change of the mapping costs the rest of the guest nothing.
    public func mapMemory(
        slot: UInt32, at address: GuestAddress, _ reservation: AddressReservation
    ) throws(HypervisorError) {
        try setMemory(slot, address, UInt64(reservation.sizeInBytes), reservation.hostAddress, 0)
    }

    /// Takes a slot's memory out of the guest: its next access there is an MMIO exit.
    public func unmapMemory(slot: UInt32) throws(HypervisorError) {
        try setMemory(slot, GuestAddress(0), 0, 0, 0)
    }

    private func setMemory(
        _ slot: UInt32, _ address: GuestAddress, _ size: UInt64, _ host: UInt64, _ flags: UInt32
    ) throws(HypervisorError) {
        let region = kvm_userspace_memory_region(
            slot: slot, flags: flags, guest_phys_addr: address.rawValue, memory_size: size, userspace_addr: host)
        try call("set memory slot \(slot) at \(address)", CLINUX_KVM_SET_USER_MEMORY_REGION, pointingTo: region)
    }

    /// Raises an interrupt (an edge) before it returns, from any thread. An irqfd would leave it to one of the kernel's
    /// workers, as an IOAPIC's input cannot be raised where events are signalled: two switches more until the guest
    /// knows.
    public func interrupt(_ globalSystemInterrupt: UInt32) throws(HypervisorError) {
        for level: UInt64 in [1, 0] {
            // struct kvm_irq_level: the input, then the level, 32 bits each.
            let request = UInt64(globalSystemInterrupt) | level << 32
            try call("raise interrupt \(globalSystemInterrupt)", CLINUX_KVM_IRQ_LINE, pointingTo: request)
        }
    }

    /// Signals the event, without an exit to this process, when the guest writes `value` (32 bits) to the address.
    public func connectNotification(
        _ event: EventDescriptor, toWriteOf value: UInt32, at address: GuestAddress
    ) throws(HypervisorError) {
        var request = kvm_ioeventfd()
        request.fd = event.descriptor.rawValue
        request.addr = address.rawValue
        request.len = 4
        request.datamatch = UInt64(value)
        request.flags = 1 << UInt32(kvm_ioeventfd_flag_nr_datamatch)
        try call("connect the notification at \(address)", CLINUX_KVM_IOEVENTFD, pointingTo: request)
    }
}
