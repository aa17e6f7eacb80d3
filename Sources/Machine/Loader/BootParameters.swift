public import Memory

/// An entry of the list of setup data (boot.rst, "setup_data"), by which the kernel gets what the zero page has no
/// room for. The guest finds the entries in /sys/kernel/boot_params/setup_data, numbered in the list's order.
public enum SetupData: Equatable, Sendable {
    /// A flattened device tree (SETUP_DTB). With ACPI present Linux takes nothing from it by itself.
    case deviceTree([UInt8])
    /// 32 random bytes from the host (SETUP_RNG_SEED), which the guest's random generator starts with.
    case randomSeed

    static let headerSize: UInt64 = 16
    static let seedSize: UInt64 = 32

    var type: UInt32 {
        switch self {
        case .deviceTree: 2
        case .randomSeed: 9
        }
    }

    var sizeInBytes: UInt64 {
        switch self {
        case .deviceTree(let blob): UInt64(blob.count)
        case .randomSeed: Self.seedSize
        }
    }
}

extension BootPlan {
    /// Offsets in boot_params (zero-page.rst and arch/x86/include/uapi/asm/bootparam.h).
    private enum ZeroPage {
        static let acpiRootPointer: UInt64 = 0x070
        static let ramdiskImageHigh: UInt64 = 0x0c0
        static let ramdiskSizeHigh: UInt64 = 0x0c4
        static let e820Count: UInt64 = 0x1e8
        static let bootFlag: UInt64 = 0x1fe
        static let header: UInt64 = 0x202
        static let version: UInt64 = 0x206
        static let typeOfLoader: UInt64 = 0x210
        static let loadFlags: UInt64 = 0x211
        static let ramdiskImage: UInt64 = 0x218
        static let ramdiskSize: UInt64 = 0x21c
        static let commandLine: UInt64 = 0x228
        static let kernelAlignment: UInt64 = 0x230
        static let commandLineSize: UInt64 = 0x238
        static let setupData: UInt64 = 0x250
        static let e820Table: UInt64 = 0x2d0
        static let e820EntrySize: UInt64 = 20
    }

    /// Writes the zero page, the command line and the setup data. Fresh memory is expected: fields that are zero are
    /// not written.
    public func writeParameters(
        into memory: GuestMemory, acpiRootPointer: GuestAddress, setupData: [SetupData] = []
    ) throws(LoaderError) {
        do {
            try writeHeader(into: memory)
            try store(acpiRootPointer.rawValue, ZeroPage.acpiRootPointer, memory)
            try writeE820(into: memory)
            try memory.write(commandLine + [0], at: AddressMap.commandLine)
        } catch { throw .memory(error) }
        try writeSetupData(setupData, into: memory)
    }

    /// struct setup_header, as a vmlinux has none of its own (boot.rst, "The Real-Mode Kernel Header").
    private func writeHeader(into memory: GuestMemory) throws(GuestMemoryError) {
        try store(UInt16(0xaa55), ZeroPage.bootFlag, memory)
        try store(UInt32(0x5372_6448), ZeroPage.header, memory)  // "HdrS"
        try store(UInt16(0x020f), ZeroPage.version, memory)
        try store(UInt8(0xff), ZeroPage.typeOfLoader, memory)  // none of the registered boot loaders
        try store(UInt8(1), ZeroPage.loadFlags, memory)  // LOADED_HIGH
        try store(UInt32(AddressMap.commandLine.rawValue), ZeroPage.commandLine, memory)
        try store(UInt32(AddressMap.commandLineCapacity - 1), ZeroPage.commandLineSize, memory)
        try store(UInt32(0x20_0000), ZeroPage.kernelAlignment, memory)
        if let initrd {
            try store(UInt32(truncatingIfNeeded: initrd.start.rawValue), ZeroPage.ramdiskImage, memory)
            try store(UInt32(initrd.start.rawValue >> 32), ZeroPage.ramdiskImageHigh, memory)
            try store(UInt32(truncatingIfNeeded: initrd.sizeInBytes), ZeroPage.ramdiskSize, memory)
            try store(UInt32(initrd.sizeInBytes >> 32), ZeroPage.ramdiskSizeHigh, memory)
        }
    }

    private func writeE820(into memory: GuestMemory) throws(GuestMemoryError) {
        let entries = layout.e820
        try store(UInt8(entries.count), ZeroPage.e820Count, memory)
        for (index, entry) in entries.enumerated() {
            let offset = ZeroPage.e820Table + UInt64(index) * ZeroPage.e820EntrySize
            try store(entry.range.start.rawValue, offset, memory)
            try store(entry.range.sizeInBytes, offset + 8, memory)
            try store(entry.kind.rawValue, offset + 16, memory)
        }
    }

    /// struct setup_data: next, type, length, bytes; entries begin at multiples of 16.
    private func writeSetupData(_ list: [SetupData], into memory: GuestMemory) throws(LoaderError) {
        let total = list.reduce(0) { $0 + (SetupData.headerSize + $1.sizeInBytes).roundedUp(to: 16) }
        guard total <= AddressMap.setupDataCapacity else { throw .setupDataTooLarge(sizeInBytes: total) }
        do {
            var link = GuestAddress(AddressMap.zeroPage.rawValue + ZeroPage.setupData)
            var next = AddressMap.setupData.rawValue
            for entry in list {
                try memory.store(next, at: link)
                link = GuestAddress(next)
                try memory.store(entry.type, at: GuestAddress(next + 8))
                try memory.store(UInt32(entry.sizeInBytes), at: GuestAddress(next + 12))
                try write(entry, at: GuestAddress(next + SetupData.headerSize), into: memory)
                next += (SetupData.headerSize + entry.sizeInBytes).roundedUp(to: 16)
            }
        } catch { throw .memory(error) }
    }

    private func write(_ entry: SetupData, at address: GuestAddress, into memory: GuestMemory) throws(GuestMemoryError)
    {
        switch entry {
        case .deviceTree(let blob): try memory.write(blob, at: address)
        case .randomSeed:
            guard let range = GuestRange(start: address, sizeInBytes: SetupData.seedSize) else { return }
            try memory.fillRandom(range)
        }
    }

    private func store<Value: FixedWidthInteger & BitwiseCopyable>(
        _ value: Value, _ offset: UInt64, _ memory: GuestMemory
    ) throws(GuestMemoryError) {
        try memory.store(value, at: GuestAddress(AddressMap.zeroPage.rawValue + offset))
    }
}
