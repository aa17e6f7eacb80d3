import CLinux
import LinuxSystem

extension VirtualMachine {
    /// A request whose argument is a structure that KVM reads.
    func call<Argument: BitwiseCopyable>(
        _ what: @autoclosure () -> String, _ request: UInt64, pointingTo argument: Argument
    ) throws(HypervisorError) {
        try send(what(), to: descriptor, request, argument)
    }
}

extension VirtualCPU {
    /// A request whose argument is a structure that KVM reads.
    func call<Argument: BitwiseCopyable>(
        _ what: @autoclosure () -> String, _ request: UInt64, pointingTo argument: Argument
    ) throws(HypervisorError) {
        try send(what(), to: descriptor, request, argument)
    }

    /// A structure that KVM fills.
    func get<Structure: BitwiseCopyable>(
        _ request: UInt64, _ what: @autoclosure () -> String, as: Structure.Type = Structure.self
    ) throws(HypervisorError) -> Structure {
        var bytes = [UInt8](repeating: 0, count: MemoryLayout<Structure>.size)
        try exchange(what(), with: descriptor, request, &bytes)
        return decodeStructure(bytes)
    }
}

private func send<Argument: BitwiseCopyable>(
    _ what: @autoclosure () -> String, to descriptor: OwnedDescriptor, _ request: UInt64, _ argument: Argument
) throws(HypervisorError) {
    var argument = argument
    // SAFETY: each request constant is paired with its own structure by the caller; KVM reads no more than that.
    let result = unsafe withUnsafeMutablePointer(to: &argument) { pointer in
        unsafe clinux_ioctl_pointer(descriptor.rawValue, request, pointer)
    }
    try kvm(what(), result)
}

/// Lets KVM read or fill `bytes`, a structure in its binary form whose size the caller took from KVM's headers.
@discardableResult
func exchange(
    _ what: @autoclosure () -> String, with descriptor: OwnedDescriptor, _ request: UInt64, _ bytes: inout [UInt8]
) throws(HypervisorError) -> Int64 {
    // SAFETY: the array is at least as large as the request's structure: every caller sizes it by MemoryLayout or by
    // the count that it writes into the structure's header.
    let result = unsafe bytes.withUnsafeMutableBytes { buffer in
        unsafe clinux_ioctl_pointer(descriptor.rawValue, request, buffer.baseAddress)
    }
    return try kvm(what(), result)
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

extension Mapping {
    /// The first byte's address as KVM takes it.
    // SAFETY: only the number is taken; nothing is read through it.
    var hostAddress: UInt64 { UInt64(UInt(bitPattern: unsafe address)) }
}

extension AddressReservation {
    /// The first byte's address as KVM takes it.
    // SAFETY: only the number is taken; nothing is read through it.
    var hostAddress: UInt64 { UInt64(UInt(bitPattern: unsafe address)) }
}
