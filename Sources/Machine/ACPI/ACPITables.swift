public import Memory

/// Why a machine cannot be described by ACPI tables.
public enum ACPIError: Error, Equatable, CustomStringConvertible {
    case processorCount(Int)
    case tooLarge(sizeInBytes: Int)

    public var description: String {
        switch self {
        case .processorCount(let count): "\(count) processors: expected 1 to \(ACPITables.largestProcessorCount)"
        case .tooLarge(let size): "ACPI tables of \(size) bytes: expected at most \(AddressMap.acpiTablesCapacity)"
        }
    }
}

/// The machine's description by hardware-reduced ACPI 6.5: no fixed hardware, no SCI, no FACS.
///
/// RSDP → XSDT → FADT (→ DSDT), MADT, and where there are zones SRAT and SLIT. Built once while the machine starts, in
/// one piece that goes to `AddressMap.acpiTables` as it is.
public struct ACPITables: Equatable, Sendable {
    public static let largestProcessorCount = 512

    /// The RSDP is at the start.
    public let bytes: [UInt8]

    /// Where the RSDP is when the bytes are in memory.
    public static let rootPointer = AddressMap.acpiTables

    /// For processors with the APIC ids 0 up to `processorCount` - 1, all in node 0.
    public init(processorCount: Int, layout: MachineLayout) throws(ACPIError) {
        guard (1...Self.largestProcessorCount).contains(processorCount) else { throw .processorCount(processorCount) }
        let nodes = layout.zones.count + 1
        var writer = TableWriter(capacity: 1024 + processorCount * 40 + nodes * (nodes + 48) + layout.deviceCount * 80)
        writer.rootPointer()
        let dsdt = writer.dsdt(deviceCount: layout.deviceCount)
        var tables = [writer.fadt(dsdt: Self.address(dsdt)), writer.madt(processorCount: processorCount)]
        if !layout.zones.isEmpty {
            tables.append(writer.srat(processorCount: processorCount, layout: layout))
            tables.append(writer.slit(zoneCount: layout.zones.count))
        }
        let xsdt = writer.table("XSDT", revision: 1) { for table in tables { $0.u64(Self.address(table)) } }
        writer.finishRootPointer(xsdt: Self.address(xsdt))
        bytes = writer.bytes
        guard bytes.count <= AddressMap.acpiTablesCapacity else { throw .tooLarge(sizeInBytes: bytes.count) }
    }

    public func write(into memory: GuestMemory) throws(GuestMemoryError) {
        try memory.write(bytes, at: AddressMap.acpiTables)
    }

    private static func address(_ offset: Int) -> UInt64 { AddressMap.acpiTables.rawValue + UInt64(offset) }
}

extension TableWriter {
    /// Root System Description Pointer (§5.2.5.3), at offset 0.
    fileprivate mutating func rootPointer() {
        text("RSD PTR ")
        u8(0)  // checksum
        text("CZONE ")
        u8(2)  // revision
        u32(0)  // no RSDT
        u32(36)  // length
        u64(0)  // XSDT
        u32(0)  // extended checksum, reserved
    }

    /// The first checksum covers the 20 bytes of ACPI 1.0.
    fileprivate mutating func finishRootPointer(xsdt: UInt64) {
        patch(u64: xsdt, at: 24)
        setChecksum(at: 8, over: 0..<20)
        setChecksum(at: 32, over: 0..<36)
    }

    /// Fixed ACPI Description Table (§5.2.9), 276 bytes.
    fileprivate mutating func fadt(dsdt: UInt64) -> Int {
        table("FACP", revision: 6) {
            $0.u32(0)  // FIRMWARE_CTRL: no FACS
            $0.u32(UInt32(dsdt))
            $0.zeros(109 - 44)  // fixed hardware, of which there is none
            // No VGA (2), no MSI (3), no PCIe ASPM (4), no CMOS clock (5); no 8042, no legacy devices.
            $0.u16(0x3c)
            $0.u8(0)
            // WBINVD (0), C1 (2), no fixed power (4), sleep (5) and RTC wake (6) controls, reset register (10),
            // hardware-reduced (20).
            $0.u32(1 | 1 << 2 | 1 << 4 | 1 << 5 | 1 << 6 | 1 << 10 | 1 << 20)
            $0.port(PowerControl.reset)
            $0.u8(PowerControl.resetValue)
            $0.u16(0)  // ARM_BOOT_ARCH
            $0.u8(5)  // minor version
            $0.u64(0)  // X_FIRMWARE_CTRL
            $0.u64(dsdt)
            $0.zeros(244 - 148)  // PM1a event to GPE1 blocks
            $0.port(PowerControl.sleepControl)
            $0.port(PowerControl.sleepStatus)
            $0.text("CZONE\0\0\0")  // hypervisor vendor identity
        }
    }

    /// Multiple APIC Description Table (§5.2.12).
    fileprivate mutating func madt(processorCount: Int) -> Int {
        table("APIC", revision: 6) {
            $0.u32(UInt32(AddressMap.localAPIC.rawValue))
            $0.u32(0)  // no 8259
            for id in 0..<UInt32(processorCount) {
                if id < 255 { $0.localAPIC(id: UInt8(id)) } else { $0.localX2APIC(id: id) }
            }
            // IOAPIC: id 0, first interrupt 0.
            $0.u8(1)
            $0.u8(12)
            $0.u16(0)
            $0.u32(UInt32(AddressMap.ioAPIC.rawValue))
            $0.u32(0)
            // The NMI is at LINT1 of every processor, with its bus's own polarity and trigger.
            $0.u8(4)
            $0.u8(6)
            $0.u8(0xff)
            $0.u16(0)
            $0.u8(1)
        }
    }

    private mutating func localAPIC(id: UInt8) {
        u8(0)
        u8(8)
        u8(id)  // processor UID
        u8(id)
        u32(1)  // enabled
    }

    private mutating func localX2APIC(id: UInt32) {
        u8(9)
        u8(16)
        u16(0)
        u32(id)
        u32(1)  // enabled
        u32(id)  // processor UID
    }

    /// A generic address structure: one byte-wide I/O port (§5.2.3.2).
    private mutating func port(_ address: UInt64) {
        u8(1)  // system I/O
        u8(8)  // bits
        u8(0)  // bit offset
        u8(1)  // byte access
        u64(address)
    }
}
