import CLinux
import LinuxSystem

/// All that a stopped vCPU is, as a saved VM needs it. The parts are KVM's structures in their binary form.
public struct VirtualCPUState: Equatable, Sendable {
    /// struct kvm_regs.
    public var registers: [UInt8]
    /// struct kvm_sregs.
    public var segments: [UInt8]
    /// struct kvm_xsave, or as many bytes as KVM_CAP_XSAVE2 names.
    public var extendedState: [UInt8]
    /// struct kvm_xcrs.
    public var extendedControl: [UInt8]
    /// struct kvm_debugregs.
    public var debugRegisters: [UInt8]
    /// struct kvm_lapic_state.
    public var localAPIC: [UInt8]
    /// struct kvm_vcpu_events.
    public var events: [UInt8]
    /// struct kvm_mp_state.
    public var multiprocessorState: [UInt8]
    /// Those of the list that KVM names on this host, in its order.
    public var modelSpecificRegisters: [ModelSpecificRegister]
    /// The frequency of the vCPU's time-stamp counter in kHz.
    public var timeStampCounterKHz: UInt32

    /// As `VirtualCPU.state()` and the state file make it.
    public init(
        registers: [UInt8], segments: [UInt8], extendedState: [UInt8], extendedControl: [UInt8],
        debugRegisters: [UInt8], localAPIC: [UInt8], events: [UInt8], multiprocessorState: [UInt8],
        modelSpecificRegisters: [ModelSpecificRegister], timeStampCounterKHz: UInt32
    ) {
        self.registers = registers
        self.segments = segments
        self.extendedState = extendedState
        self.extendedControl = extendedControl
        self.debugRegisters = debugRegisters
        self.localAPIC = localAPIC
        self.events = events
        self.multiprocessorState = multiprocessorState
        self.modelSpecificRegisters = modelSpecificRegisters
        self.timeStampCounterKHz = timeStampCounterKHz
    }
}

/// A model-specific register's number and value.
public struct ModelSpecificRegister: Equatable, Sendable {
    /// ECX of RDMSR and WRMSR.
    public var index: UInt32
    /// EDX:EAX.
    public var value: UInt64

    /// Any register; KVM refuses one that it does not know.
    public init(index: UInt32, value: UInt64) {
        self.index = index
        self.value = value
    }
}

extension VirtualCPU {
    /// Reads the whole state. No vCPU may run, and this one's last exit must have been completed: after an exit other
    /// than `.interrupted`, by `run` with running forbidden, until it returns `.interrupted`.
    public func state() throws(HypervisorError) -> VirtualCPUState {
        // The order matters: reading the MP state lets KVM settle pending INIT and SIPI, which changes the registers.
        let multiprocessor = try bytes(of: kvm_mp_state.self, CLINUX_KVM_GET_MP_STATE, "the MP state")
        var state = VirtualCPUState(
            registers: try bytes(of: kvm_regs.self, CLINUX_KVM_GET_REGS, "registers"),
            segments: try bytes(of: kvm_sregs.self, CLINUX_KVM_GET_SREGS, "segment registers"),
            extendedState: try extendedState(),
            extendedControl: try bytes(of: kvm_xcrs.self, CLINUX_KVM_GET_XCRS, "extended control registers"),
            debugRegisters: try bytes(of: kvm_debugregs.self, CLINUX_KVM_GET_DEBUGREGS, "debug registers"),
            localAPIC: try bytes(of: kvm_lapic_state.self, CLINUX_KVM_GET_LAPIC, "the local APIC"),
            events: try bytes(of: kvm_vcpu_events.self, CLINUX_KVM_GET_VCPU_EVENTS, "pending events"),
            multiprocessorState: multiprocessor,
            modelSpecificRegisters: try modelSpecificRegisters(try kvm.savedRegisterIndices()),
            timeStampCounterKHz: UInt32(
                try Hypervisor.kvm(
                    "read the time-stamp counter's frequency",
                    clinux_ioctl(descriptor.rawValue, CLINUX_KVM_GET_TSC_KHZ, 0))))
        state.owePendingTimerInterrupt()
        return state
    }

    /// Makes this vCPU what the saved one was. CPUID must have been set to the same answers before, the virtual machine
    /// restored, and no vCPU may have run; vCPU 0 comes first.
    public func restore(_ state: VirtualCPUState) throws(HypervisorError) {
        try set(state.multiprocessorState, as: kvm_mp_state.self, CLINUX_KVM_SET_MP_STATE, "the MP state")
        try set(state.registers, as: kvm_regs.self, CLINUX_KVM_SET_REGS, "registers")
        try set(state.segments, as: kvm_sregs.self, CLINUX_KVM_SET_SREGS, "segment registers")
        guard state.extendedState.count == extendedStateSize else {
            throw .malformedState("XSAVE area of \(state.extendedState.count) bytes, expected \(extendedStateSize)")
        }
        var extended = state.extendedState
        try exchange("set the XSAVE area", with: descriptor, CLINUX_KVM_SET_XSAVE, &extended)
        try set(state.extendedControl, as: kvm_xcrs.self, CLINUX_KVM_SET_XCRS, "extended control registers")
        try set(state.debugRegisters, as: kvm_debugregs.self, CLINUX_KVM_SET_DEBUGREGS, "debug registers")
        try setTimeStampCounterFrequency(state.timeStampCounterKHz)
        // Before the MSRs: the TSC deadline's timer is armed in the local APIC.
        try set(state.localAPIC, as: kvm_lapic_state.self, CLINUX_KVM_SET_LAPIC, "the local APIC")
        try leaveTimeStampCounterOfCreation(for: state.modelSpecificRegisters)
        try setModelSpecificRegisters(state.modelSpecificRegisters)
        try set(state.events, as: kvm_vcpu_events.self, CLINUX_KVM_SET_VCPU_EVENTS, "pending events")
    }

    private func bytes<Structure: BitwiseCopyable>(
        of: Structure.Type, _ request: UInt64, _ what: String
    ) throws(HypervisorError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: MemoryLayout<Structure>.size)
        try exchange("read \(what) of vCPU \(index)", with: descriptor, request, &bytes)
        return bytes
    }

    private func set<Structure: BitwiseCopyable>(
        _ bytes: [UInt8], as: Structure.Type, _ request: UInt64, _ what: String
    ) throws(HypervisorError) {
        guard bytes.count == MemoryLayout<Structure>.size else {
            throw .malformedState("\(what) of \(bytes.count) bytes, expected \(MemoryLayout<Structure>.size)")
        }
        var bytes = bytes
        try exchange("set \(what) of vCPU \(index)", with: descriptor, request, &bytes)
    }

    /// KVM_CAP_XSAVE2 answers the size that this host's XSAVE area needs; without it the area is 4 KiB.
    private var extendedStateSize: Int { max(kvm.limit(KVM_CAP_XSAVE2), MemoryLayout<kvm_xsave>.size) }

    private func extendedState() throws(HypervisorError) -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: extendedStateSize)
        let request = kvm.has(KVM_CAP_XSAVE2) ? CLINUX_KVM_GET_XSAVE2 : CLINUX_KVM_GET_XSAVE
        try exchange("read the XSAVE area of vCPU \(index)", with: descriptor, request, &bytes)
        return bytes
    }

    private func setTimeStampCounterFrequency(_ frequency: UInt32) throws(HypervisorError) {
        let present = clinux_ioctl(descriptor.rawValue, CLINUX_KVM_GET_TSC_KHZ, 0)
        // Scaling is not offered by every processor, and not needed on the same kind.
        guard present != Int64(frequency) else { return }
        try Hypervisor.kvm(
            "set the time-stamp counter's frequency of \(frequency) kHz",
            clinux_ioctl(descriptor.rawValue, CLINUX_KVM_SET_TSC_KHZ, UInt64(frequency)))
    }
}
