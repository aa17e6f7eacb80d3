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
