public import Hypervisor
import LinuxSystem
public import Memory

/// The state in which the first processor enters the kernel (boot.rst, "64-bit Boot Protocol"): 64-bit mode, the first
/// 4 GiB mapped to themselves, flat segments with the selectors __BOOT_CS and __BOOT_DS, interrupts off, RSI pointing
/// to the zero page. The other processors wait for the guest's INIT and SIPI.
public struct BootState: Equatable, Sendable {
    public let registers: StartRegisters
    public let longMode: LongModeState

    public init(entry: GuestAddress) {
        registers = StartRegisters(
            rip: entry.rawValue, rsp: AddressMap.bootStackTop.rawValue, rsi: AddressMap.zeroPage.rawValue)
        longMode = LongModeState(
            code: Segment(selector: Self.codeSelector, type: 0xb, isLong: true),
            data: Segment(selector: Self.dataSelector, type: 0x3, is32Bit: true),
            // VM entry on Intel wants a busy TSS (SDM 26.3.1.2); nothing reads it.
            task: Segment(
                selector: Self.taskSelector, limit: 0x67, type: 0xb, isCodeOrData: false, hasPageGranularity: false),
            gdtBase: AddressMap.globalDescriptorTable.rawValue,
            gdtLimit: UInt16(Self.globalDescriptors.count * 8 - 1),
            cr0: 0x8000_0011,  // PG, ET, PE
            cr3: AddressMap.pageTables.rawValue,
            cr4: 0x20,  // PAE
            efer: 0x500)  // LMA, LME
    }

    static let codeSelector: UInt16 = 0x10
    static let dataSelector: UInt16 = 0x18
    static let taskSelector: UInt16 = 0x20

    /// The GDT's entries (AMD64 manual vol. 2 §4.7 and §4.8), accessed bits set as the hidden parts above have them.
    static let globalDescriptors: [UInt64] = [
        0,
        0,
        0x00af_9b00_0000_ffff,  // 0x10: 64-bit code, execute and read
        0x00cf_9300_0000_ffff,  // 0x18: data, read and write, 4 GiB
        0x0000_8b00_0000_0067,  // 0x20: busy 64-bit TSS at 0, two entries long
        0,
    ]

    /// Writes the GDT and the page tables (AMD64 manual vol. 2 §5.3: PML4, PDPT, 2 MiB pages).
    public static func writeTables(into memory: GuestMemory) throws(GuestMemoryError) {
        try memory.write(globalDescriptors.flatMap(\.littleEndianBytes), at: AddressMap.globalDescriptorTable)

        let presentAndWritable: UInt64 = 0x3
        let largePage: UInt64 = 0x80
        let root = AddressMap.pageTables.rawValue
        try memory.store(root + 0x1000 | presentAndWritable, at: GuestAddress(root))
        for directory in 0..<4 as Range<UInt64> {
            try memory.store(
                root + 0x2000 + directory << 12 | presentAndWritable, at: GuestAddress(root + 0x1000 + directory * 8))
        }
        let pages = (0..<2048 as Range<UInt64>).map { $0 << 21 | largePage | presentAndWritable }
        try memory.write(pages.reduce(into: []) { $0.append(littleEndian: $1) }, at: GuestAddress(root + 0x2000))
    }
}
