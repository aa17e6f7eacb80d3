import CLinux

/// The general registers that a payload or a kernel is started with.
public struct StartRegisters: Equatable, Sendable {
    public var rip: UInt64
    public var rsp: UInt64
    public var rsi: UInt64
    public var rflags: UInt64

    /// Interrupts off (only the reserved bit of RFLAGS set).
    public init(rip: UInt64, rsp: UInt64 = 0, rsi: UInt64 = 0, rflags: UInt64 = 2) {
        self.rip = rip
        self.rsp = rsp
        self.rsi = rsi
        self.rflags = rflags
    }
}

/// A segment register with its hidden part (AMD64 manual vol. 2 §4.7).
public struct Segment: Equatable, Sendable {
    public var selector: UInt16
    public var base: UInt64
    public var limit: UInt32
    /// The descriptor's type field, 4 bits.
    public var type: UInt8
    public var isCodeOrData: Bool
    public var isLong: Bool
    public var is32Bit: Bool
    public var hasPageGranularity: Bool

    public init(
        selector: UInt16, base: UInt64 = 0, limit: UInt32 = 0xffff_ffff, type: UInt8, isCodeOrData: Bool = true,
        isLong: Bool = false, is32Bit: Bool = false, hasPageGranularity: Bool = true
    ) {
        self.selector = selector
        self.base = base
        self.limit = limit
        self.type = type
        self.isCodeOrData = isCodeOrData
        self.isLong = isLong
        self.is32Bit = is32Bit
        self.hasPageGranularity = hasPageGranularity
    }

    var raw: kvm_segment {
        var segment = kvm_segment()
        segment.base = base
        segment.limit = limit
        segment.selector = selector
        segment.type = type
        segment.present = 1
        segment.s = isCodeOrData ? 1 : 0
        segment.l = isLong ? 1 : 0
        segment.db = is32Bit ? 1 : 0
        segment.g = hasPageGranularity ? 1 : 0
        return segment
    }
}

/// Control registers, descriptor table and segments of a processor in 64-bit mode.
public struct LongModeState: Equatable, Sendable {
    public var code: Segment
    public var data: Segment
    public var task: Segment
    public var gdtBase: UInt64
    /// The table's last valid byte offset.
    public var gdtLimit: UInt16
    public var cr0: UInt64
    /// The page table's root, physical.
    public var cr3: UInt64
    public var cr4: UInt64
    public var efer: UInt64

    public init(
        code: Segment, data: Segment, task: Segment, gdtBase: UInt64, gdtLimit: UInt16, cr0: UInt64, cr3: UInt64,
        cr4: UInt64, efer: UInt64
    ) {
        self.code = code
        self.data = data
        self.task = task
        self.gdtBase = gdtBase
        self.gdtLimit = gdtLimit
        self.cr0 = cr0
        self.cr3 = cr3
        self.cr4 = cr4
        self.efer = efer
    }
}

extension VirtualCPU {
    /// Puts the processor into 64-bit mode, keeping what the state does not name (the local APIC's base).
    public func setLongMode(_ state: LongModeState) throws(HypervisorError) {
        var registers: kvm_sregs = try get(CLINUX_KVM_GET_SREGS, "read segment registers")
        registers.cs = state.code.raw
        registers.ds = state.data.raw
        registers.es = state.data.raw
        registers.fs = state.data.raw
        registers.gs = state.data.raw
        registers.ss = state.data.raw
        registers.tr = state.task.raw
        registers.gdt.base = state.gdtBase
        registers.gdt.limit = state.gdtLimit
        registers.idt.base = 0
        registers.idt.limit = 0
        registers.cr0 = state.cr0
        registers.cr3 = state.cr3
        registers.cr4 = state.cr4
        registers.efer = state.efer
        try call("set segment registers", CLINUX_KVM_SET_SREGS, pointingTo: registers)
    }

    public func setStartRegisters(_ start: StartRegisters) throws(HypervisorError) {
        var registers = kvm_regs()
        registers.rip = start.rip
        registers.rsp = start.rsp
        registers.rsi = start.rsi
        registers.rflags = start.rflags
        try call("set registers", CLINUX_KVM_SET_REGS, pointingTo: registers)
    }

    /// The instruction pointer, for a fault's report.
    public func instructionPointer() throws(HypervisorError) -> UInt64 {
        let registers: kvm_regs = try get(CLINUX_KVM_GET_REGS, "read registers")
        return registers.rip
    }
}
