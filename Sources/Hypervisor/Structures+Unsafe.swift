import CLinux
import LinuxSystem

extension VirtualCPU {
    /// A structure that KVM fills.
    func get<Structure: BitwiseCopyable>(
        _ request: UInt64, _ what: @autoclosure () -> String, as: Structure.Type = Structure.self
    ) throws(HypervisorError) -> Structure {
        var bytes = [UInt8](repeating: 0, count: MemoryLayout<Structure>.size)
        try exchange(what(), with: descriptor, request, &bytes)
        return decodeStructure(bytes)
    }
}

/// A structure from its binary form; the caller has checked the size.
func decodeStructure<Structure: BitwiseCopyable>(_ bytes: [UInt8]) -> Structure {
    precondition(bytes.count >= MemoryLayout<Structure>.size)
    // SAFETY: the size was just checked, and every bit pattern is valid for KVM's plain C structures.
    return unsafe bytes.withUnsafeBytes { unsafe $0.loadUnaligned(as: Structure.self) }
}

/// A structure's binary form.
func encodeStructure<Structure: BitwiseCopyable>(_ structure: Structure) -> [UInt8] {
    // SAFETY: the buffer covers the structure itself.
    unsafe withUnsafeBytes(of: structure) { unsafe [UInt8]($0) }
}
