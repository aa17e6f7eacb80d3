import Geometry
public import Memory

/// The fixed addresses of a czone machine. Everything below 1 MiB is read once while the kernel starts; Linux reserves
/// the whole of it for itself then (setup_arch: "unconditionally reserve the entire first 1M of RAM").
///
/// ```
/// 0x00_0000_1000  GDT                                4 KiB
/// 0x00_0000_2000  page tables                       24 KiB  first 4 GiB mapped to itself, 2 MiB pages
/// 0x00_0000_8000  zero page (boot_params)            4 KiB
/// 0x00_0000_9000  boot stack, grows down from a000   4 KiB
/// 0x00_0000_a000  command line                       4 KiB  2048 bytes with the final zero
/// 0x00_0001_0000  setup_data: device-tree blob     256 KiB
/// 0x00_0005_0000  free (Linux's real-mode trampoline)
/// 0x00_0009_fc00  hole to 0xe0000 (where a PC has its EBDA and VGA)
/// 0x00_000e_0000  ACPI tables                      128 KiB  reserved in E820
/// 0x00_0010_0000  RAM: kernel at its ELF physical addresses; initrd at the top of RAM below 3 GiB
/// 0x00_c000_0000  hole: nothing
/// 0x00_d000_0000  virtio-mmio windows                4 KiB each
/// 0x00_fec0_0000  IOAPIC                             (KVM)
/// 0x00_fee0_0000  local APIC                         (KVM)
/// 0x00_fffb_c000  identity map, TSS                 16 KiB (KVM's own, Intel only)
/// 0x01_0000_0000  RAM beyond 3 GiB
/// 0x02_0000_0000  zones, or after the end of RAM where that is higher; each a multiple of 128 MiB
/// 0x80_0000_0000  images (virtio-pmem), each 128 MiB-aligned; 256 GiB where the processor has 39 address bits
/// ```
public enum AddressMap {
    public static let globalDescriptorTable = GuestAddress(0x1000)
    /// Six pages: PML4, PDPT and four page directories.
    public static let pageTables = GuestAddress(0x2000)
    public static let zeroPage = GuestAddress(0x8000)
    /// The first address behind the stack, where its pointer starts.
    public static let bootStackTop = GuestAddress(0xa000)
    public static let commandLine = GuestAddress(0xa000)
    /// COMMAND_LINE_SIZE of x86 (arch/x86/include/asm/setup.h), its final zero included.
    public static let commandLineCapacity = 2048
    /// The list of setup_data that the zero page points to (boot.rst, "setup_data").
    public static let setupData = GuestAddress(0x1_0000)
    /// Linux maps the blob in one piece by its early fixmap, which ends at 256 KiB.
    public static let setupDataCapacity: UInt64 = 0x4_0000 - 0x1000
    public static let endOfLowRAM = GuestAddress(0x9_fc00)
    public static let acpiTables = GuestAddress(0xe_0000)
    public static let acpiTablesCapacity: UInt64 = 0x2_0000
    /// Where RAM for the kernel begins.
    public static let highMemory = GuestAddress(0x10_0000)

    /// RAM below 4 GiB ends here at the latest.
    public static let endOfLowBase = GuestAddress(ZoneAddresses.endOfLowBase)
    public static let virtioWindows = GuestAddress(0xd000_0000)
    public static let virtioWindowSize: UInt64 = 0x1000
    public static let ioAPIC = GuestAddress(0xfec0_0000)
    public static let localAPIC = GuestAddress(0xfee0_0000)
    /// RAM that does not fit below `endOfLowBase` continues here.
    public static let startOfHighBase = GuestAddress(ZoneAddresses.startOfHighBase)

    /// Images begin where zones end.
    public static func images(forPhysicalAddressBits bits: Int) -> GuestAddress {
        GuestAddress(ZoneAddresses.end(forPhysicalAddressBits: bits))
    }
    public static let imageAlignment: UInt64 = 128 << 20
}

/// The fixed port-I/O addresses.
///
/// ```
/// 0x3f8  serial console COM1, 8 ports, interrupt 4
/// 0x600  ACPI sleep control      0x601  ACPI sleep status
/// 0x602  reset                   0x603  panic report (pvpanic)     0x604  exit with a code
/// ```
public enum PortMap {
    public static let serial: UInt64 = 0x3f8
    public static let serialCount: UInt64 = 8
    public static let power: UInt64 = 0x600
    public static let powerCount: UInt64 = 8
}

/// The global system interrupts: inputs of the one IOAPIC, all edge-triggered and active high.
public enum InterruptMap {
    public static let inputCount: UInt32 = 24
    public static let serial: UInt32 = 4
    /// What virtio devices have, in their order, and share where there are more devices; Linux's virtio-mmio driver asks
    /// every device of a line, which costs three exits each. Nothing of an ISA machine is there to have the low ones;
    /// but on 2, where that has its second interrupt controller, Linux delivers nothing.
    public static let virtio = Array(5..<inputCount) + [1, 3]
    /// All but vsock's.
    private static let shared = virtio.filter { $0 != virtio[DeviceTable.vsockIndex] }

    /// The line of the virtio device with this index.
    public static func line(ofVirtioDevice index: Int) -> UInt32 {
        index < virtio.count ? virtio[index] : shared[(index - virtio.count) % shared.count]
    }
}
