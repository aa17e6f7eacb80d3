import CLinux

/// The general registers that a payload or a kernel is started with.
public struct StartRegisters: Equatable, Sendable {
    /// The first instruction's address.
    public var rip: UInt64
    /// The stack's, or 0 for none.
    public var rsp: UInt64
    /// A kernel's boot parameters (boot.rst, "64-bit Boot Protocol"); else for the payload to choose.
    public var rsi: UInt64
    /// Bit 1 is always set.
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
    /// The visible part: an offset in the GDT, in bytes.
    public var selector: UInt16
    /// The segment's first address; flat segments have 0.
    public var base: UInt64
    /// The last valid offset, in bytes whatever the granularity.
    public var limit: UInt32
    /// The descriptor's type field, 4 bits.
    public var type: UInt8
    /// Descriptor bit S: not a system segment, as a TSS is.
    public var isCodeOrData: Bool
    /// Bit L: 64-bit code.
    public var isLong: Bool
    /// Bit D/B: 32-bit operands, or a 32-bit stack.
    public var is32Bit: Bool
    /// Bit G: the descriptor counts its limit in pages.
    public var hasPageGranularity: Bool

    /// A present segment, flat by default.
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
    /// CS.
    public var code: Segment
    /// DS, ES, FS, GS and SS.
    public var data: Segment
    /// TR; on Intel VM entry wants a busy TSS.
    public var task: Segment
    /// The table's first address, linear.
    public var gdtBase: UInt64
    /// The table's last valid byte offset.
    public var gdtLimit: UInt16
    /// Protection and paging; both on in 64-bit mode.
    public var cr0: UInt64
    /// The page table's root, physical.
    public var cr3: UInt64
    /// PAE on, and what else the payload needs.
    public var cr4: UInt64
    /// LME and LMA on.
    public var efer: UInt64

    /// Addresses and control registers as the processor gets them; KVM refuses what no processor could have.
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

    /// Sets the general registers: those that `start` does not name become 0. Before the vCPU first runs.
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

extension VirtualCPU {
    /// Sets what CPUID answers; before the vCPU first runs.
    public func setCPUID(_ entries: [CPUIDEntry]) throws(HypervisorError) {
        var bytes = encodeStructure(UInt32(entries.count)) + [0, 0, 0, 0]
        for entry in entries {
            var raw = kvm_cpuid_entry2()
            raw.function = entry.function
            raw.index = entry.index
            raw.flags = entry.flags
            raw.eax = entry.eax
            raw.ebx = entry.ebx
            raw.ecx = entry.ecx
            raw.edx = entry.edx
            bytes += encodeStructure(raw)
        }
        try exchange("set the CPUID of vCPU \(index)", with: descriptor, CLINUX_KVM_SET_CPUID2, &bytes)
    }
}
