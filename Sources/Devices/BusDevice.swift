/// A device behind a range of MMIO or port-I/O addresses.
///
/// Called with the VM's device lock held, by a vCPU thread that left guest mode for the access. The guest chooses
/// offset, width and value: an access that makes no sense reads as zeros and is ignored when it writes.
public protocol BusDevice: AnyObject {
    /// The value at an offset from the device's first address; `width` is 1, 2, 4 or 8 bytes.
    func read(offset: UInt64, width: Int) -> UInt64
    /// Takes a value of `width` bytes (1, 2, 4 or 8) at an offset from the device's first address.
    func write(_ value: UInt64, offset: UInt64, width: Int)
}
