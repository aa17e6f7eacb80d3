import CLinux
import LinuxSystem

/// One answer of the CPUID instruction (AMD64 manual vol. 3, appendix E).
public struct CPUIDEntry: Equatable, Sendable {
    /// EAX at the instruction: the leaf.
    public var function: UInt32
    /// ECX at the instruction: the sub-leaf, where the leaf has any.
    public var index: UInt32
    /// `KVM_CPUID_FLAG_…`: whether the index matters.
    public var flags: UInt32
    /// What the instruction leaves in EAX.
    public var eax: UInt32
    /// What it leaves in EBX.
    public var ebx: UInt32
    /// What it leaves in ECX.
    public var ecx: UInt32
    /// What it leaves in EDX.
    public var edx: UInt32

    /// An answer; what is not named is 0.
    public init(
        function: UInt32, index: UInt32 = 0, flags: UInt32 = 0, eax: UInt32 = 0, ebx: UInt32 = 0, ecx: UInt32 = 0,
        edx: UInt32 = 0
    ) {
        self.function = function
        self.index = index
        self.flags = flags
        self.eax = eax
        self.ebx = ebx
        self.ecx = ecx
        self.edx = edx
    }
}

extension KVM {
    /// The most entries that czone asks for; KVM's own limit is 256.
    private static let maxEntries = 256

    /// All that KVM can give a guest on this host.
    public func supportedCPUID() throws(HypervisorError) -> [CPUIDEntry] {
        let headerSize = MemoryLayout<kvm_cpuid2>.size
        let entrySize = MemoryLayout<kvm_cpuid_entry2>.size
        var bytes = encodeStructure(UInt32(Self.maxEntries))
        bytes += [UInt8](repeating: 0, count: headerSize - bytes.count + Self.maxEntries * entrySize)
        try exchange("read the supported CPUID", with: descriptor, CLINUX_KVM_GET_SUPPORTED_CPUID, &bytes)
        let count = min(Int(decodeStructure(bytes) as UInt32), Self.maxEntries)
        return (0..<count).map { i in
            let raw: kvm_cpuid_entry2 = decodeStructure(Array(bytes[(headerSize + i * entrySize)...].prefix(entrySize)))
            return CPUIDEntry(
                function: raw.function, index: raw.index, flags: raw.flags, eax: raw.eax, ebx: raw.ebx, ecx: raw.ecx,
                edx: raw.edx)
        }
    }
}
