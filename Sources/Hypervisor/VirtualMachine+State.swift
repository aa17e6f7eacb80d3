import CLinux
import LinuxSystem

/// What a stopped VM is besides its vCPUs and memory: interrupt controllers and clock, KVM's binary form.
public struct VirtualMachineState: Equatable, Sendable {
    /// The two PICs and the IOAPIC.
    public var interruptControllers: [[UInt8]]
    /// kvm-clock's reading in nanoseconds since the VM began.
    public var clockInNanoseconds: UInt64

    /// As `VirtualMachine.state()` and the state file make it.
    public init(interruptControllers: [[UInt8]], clockInNanoseconds: UInt64) {
        self.interruptControllers = interruptControllers
        self.clockInNanoseconds = clockInNanoseconds
    }
}

extension VirtualMachine {
    private static let controllers = [KVM_IRQCHIP_PIC_MASTER, KVM_IRQCHIP_PIC_SLAVE, KVM_IRQCHIP_IOAPIC]

    /// Reads the state; no vCPU may run.
    public func state() throws(HypervisorError) -> VirtualMachineState {
        var chips: [[UInt8]] = []
        for controller in Self.controllers {
            var bytes = encodeStructure(UInt32(controller))
            bytes += [UInt8](repeating: 0, count: MemoryLayout<kvm_irqchip>.size - bytes.count)
            try exchange("read interrupt controller \(controller)", with: descriptor, CLINUX_KVM_GET_IRQCHIP, &bytes)
            chips.append(bytes)
        }
        var clock = [UInt8](repeating: 0, count: MemoryLayout<kvm_clock_data>.size)
        try exchange("read the clock", with: descriptor, CLINUX_KVM_GET_CLOCK, &clock)
        return VirtualMachineState(
            interruptControllers: chips, clockInNanoseconds: (decodeStructure(clock) as kvm_clock_data).clock)
    }

    /// Restores the state, before the vCPUs' own: their local APICs are wired to these controllers.
    public func restore(_ state: VirtualMachineState) throws(HypervisorError) {
        guard state.interruptControllers.count == Self.controllers.count,
            state.interruptControllers.allSatisfy({ $0.count == MemoryLayout<kvm_irqchip>.size })
        else { throw .malformedState("interrupt controllers") }
        for (controller, saved) in zip(Self.controllers, state.interruptControllers) {
            guard decodeStructure(saved) as UInt32 == UInt32(controller) else {
                throw .malformedState("interrupt controller \(controller) has another number")
            }
            var bytes = saved
            try exchange("set interrupt controller \(controller)", with: descriptor, CLINUX_KVM_SET_IRQCHIP, &bytes)
        }
        var clock = kvm_clock_data()
        clock.clock = state.clockInNanoseconds
        try call("set the clock", CLINUX_KVM_SET_CLOCK, pointingTo: clock)
    }
}
