import Hypervisor
import LinuxSystem
import Memory

/// A virtual machine for payloads: half a MiB of memory, whose page tables map the first 4 GiB of addresses to
/// themselves, so that a payload reaches every device without further ado.
///
/// Memory map: 0x1000 page tables (6 pages) · 0x7000 GDT · 0x7fe0 GDT pointer · 0x7ff0 IDT pointer · 0x8000 trampoline
/// for further processors · 0x9000 IDT · 0xa000 report, what payloads leave for the test · 0x10000 code · below
/// 0x80000 the processors' stacks, a page each.
struct PayloadMachine {
    static let codeAddress: UInt64 = 0x10000
    static let report: UInt64 = 0xa000
    private static let (rootTable, pointerTable, directories): (UInt64, UInt64, UInt64) = (0x1000, 0x2000, 0x3000)
    private static let (gdt, gdtPointer): (UInt64, UInt64) = (0x7000, 0x7fe0)
    private static let (idt, idtPointer): (UInt64, UInt64) = (0x9000, 0x7ff0)
    private static let memorySize: UInt64 = 0x80000

    let kvm: KVM
    let machine: VirtualMachine
    let processors: [VirtualCPU]
    let memory = GuestMemory()
    private let mapping: Mapping

    /// A machine with its own memory, or with that of another one, which must not run any more.
    init(processorCount: Int = 1, memoryOf other: PayloadMachine? = nil) throws {
        kvm = try KVM()
        machine = try VirtualMachine(on: kvm)
        mapping = try other?.mapping ?? Mapping(.anonymous, sizeInBytes: Int(Self.memorySize))
        try memory.addRegion(at: GuestAddress(0), backedBy: mapping)
        try machine.mapMemory(slot: 0, at: GuestAddress(0), mapping)
        let filter = CPUIDFilter(virtualCPUCount: processorCount)
        let supported = try kvm.supportedCPUID()
        var processors: [VirtualCPU] = []
        for index in 0..<processorCount {
            let processor = try VirtualCPU(index, of: machine)
            try processor.setCPUID(filter.entries(from: supported, forVirtualCPU: index))
            processors.append(processor)
        }
        self.processors = processors
        if other == nil { try writeTables() }
    }

    /// Puts code where its comment says that it belongs.
    func load(_ code: [UInt8], at address: UInt64 = codeAddress) throws {
        try memory.write(code, at: GuestAddress(address))
    }

    /// Makes a processor begin in 64-bit mode, with interrupts off. One that is not the first need not be called.
    func prepare(_ index: Int = 0, at address: UInt64 = codeAddress, rsi: UInt64 = 0) throws {
        let processor = processors[index]
        try processor.setLongMode(
            LongModeState(
                code: Segment(selector: 0x08, type: 0xb, isLong: true),
                data: Segment(selector: 0x10, type: 0x3, is32Bit: true),
                task: Segment(selector: 0x18, limit: 0xffff, type: 0xb, isCodeOrData: false, hasPageGranularity: false),
                gdtBase: Self.gdt, gdtLimit: 0x17,
                cr0: 1 << 0 | 1 << 1 | 1 << 4 | 1 << 5 | 1 << 31,  // PE, MP, ET, NE, PG
                cr3: Self.rootTable,
                cr4: 1 << 5 | 1 << 9 | 1 << 10 | 1 << 18,  // PAE, OSFXSR, OSXMMEXCPT, OSXSAVE
                efer: 1 << 8 | 1 << 10))  // LME, LMA
        if index > 0 {
            var state = try processor.state()
            state.multiprocessorState = [0, 0, 0, 0]  // KVM_MP_STATE_RUNNABLE
            try processor.restore(state)
        }
        let stack = Self.memorySize - UInt64(index) * 0x1000
        try processor.setStartRegisters(StartRegisters(rip: address, rsp: stack, rsi: rsi))
    }

    /// Makes code at an address the handler of an interrupt vector (AMD64 manual vol. 2 §4.8.4).
    func setHandler(_ vector: UInt64, at address: UInt64) throws {
        let present: UInt64 = 0x8e00 << 32  // a 64-bit interrupt gate
        let low = address & 0xffff | 0x08 << 16 | present | (address >> 16 & 0xffff) << 48
        try memory.store(low, at: GuestAddress(Self.idt + 16 * vector))
        try memory.store(address >> 32, at: GuestAddress(Self.idt + 16 * vector + 8))
    }

    /// A value of the report.
    func reported<Value: FixedWidthInteger & BitwiseCopyable>(
        _ type: Value.Type = UInt64.self, at offset: UInt64 = 0
    ) throws -> Value {
        try memory.load(at: GuestAddress(Self.report + offset))
    }

    private func writeTables() throws {
        let present: UInt64 = 1 << 0 | 1 << 1
        let large: UInt64 = 1 << 7
        try memory.store(Self.pointerTable | present, at: GuestAddress(Self.rootTable))
        for gigabyte in 0..<UInt64(4) {
            let directory = Self.directories + gigabyte * 0x1000
            try memory.store(directory | present, at: GuestAddress(Self.pointerTable + 8 * gigabyte))
            for entry in 0..<UInt64(512) {
                try memory.store(
                    gigabyte << 30 | entry << 21 | present | large, at: GuestAddress(directory + 8 * entry))
            }
        }
        try memory.store(0x00af_9b00_0000_ffff as UInt64, at: GuestAddress(Self.gdt + 0x08))  // 64-bit code
        try memory.store(0x00cf_9300_0000_ffff as UInt64, at: GuestAddress(Self.gdt + 0x10))  // data
        for (pointer, table, limit) in [(Self.gdtPointer, Self.gdt, 0x17), (Self.idtPointer, Self.idt, 0xfff)] {
            try memory.store(UInt16(limit), at: GuestAddress(pointer))
            try memory.store(table, at: GuestAddress(pointer + 2))
        }
    }
}
