public import LinuxSystem
public import Memory

/// Where the kernel, the initial RAM disk and the command line of one boot go: checked against the machine's memory
/// before anything is written.
public struct BootPlan: Equatable, Sendable {
    /// What Linux needs besides its own image and the initial RAM disk until /init runs: page structures, per-CPU
    /// areas, slabs, and the agent itself.
    public static let workingMemory: UInt64 = 24 << 20

    public let layout: MachineLayout
    public let kernel: KernelImage
    /// At the top of the RAM below 3 GiB, page-aligned; as many bytes as the file has.
    public let initrd: GuestRange?
    /// Without the final zero.
    public let commandLine: [UInt8]

    public init(
        layout: MachineLayout, kernel: KernelImage, initrdSize: UInt64? = nil, commandLine: String
    ) throws(LoaderError) {
        let text = Array(commandLine.utf8)
        guard text.count < AddressMap.commandLineCapacity else { throw .commandLineTooLong(count: text.count) }
        guard !text.contains(0) else { throw .commandLineHasZero }
        guard initrdSize != 0 else { throw .emptyInitrd }

        let memory = layout.baseRanges.reduce(0) { $0 + $1.sizeInBytes }
        let needed = try Self.requiredMemory(kernel: kernel, initrdSize: initrdSize ?? 0)
        guard memory >= needed else { throw .tooLittleMemory(has: memory, needs: needed) }

        initrd = try initrdSize.map { size throws(LoaderError) in
            try Self.place(size, below: layout.lowBase.end, above: kernel.end)
        }
        self.layout = layout
        self.kernel = kernel
        self.commandLine = text
    }

    /// The base memory in bytes, a multiple of 2 MiB, below which this kernel would run out of memory while it
    /// starts. The initial RAM disk counts twice: it is unpacked before its own pages are freed. What lies below the
    /// kernel is free for use.
    public static func requiredMemory(kernel: KernelImage, initrdSize: UInt64) throws(LoaderError) -> UInt64 {
        guard initrdSize < AddressMap.endOfLowBase.rawValue else { throw .initrdTooLarge(sizeInBytes: initrdSize) }
        let toPlace = kernel.end.rawValue + initrdSize.roundedUp(to: 4096)
        let image = kernel.end.rawValue - kernel.start.rawValue
        let toStart = AddressMap.highMemory.rawValue + image + 2 * initrdSize + workingMemory
        return max(toPlace, toStart).roundedUp(to: 2 << 20)
    }

    private static func place(
        _ size: UInt64, below end: GuestAddress, above kernel: GuestAddress
    ) throws(LoaderError) -> GuestRange {
        let start = (end.rawValue - min(end.rawValue, size)) & ~0xfff
        guard start >= kernel.rawValue, let range = GuestRange(start: GuestAddress(start), sizeInBytes: size) else {
            throw .initrdTooLarge(sizeInBytes: size)
        }
        return range
    }

    /// Reads the initial RAM disk from its file into guest memory.
    public func loadInitrd(from file: OwnedDescriptor, into memory: GuestMemory) throws(LoaderError) {
        guard let initrd else { return }
        do { try memory.load(initrd, from: file, at: 0) } catch { throw .memory(error) }
    }
}
