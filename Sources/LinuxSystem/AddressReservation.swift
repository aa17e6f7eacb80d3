import Glibc
import SystemPackage

/// A range of this process's addresses that nothing else can take. Parts of it become accessible while a `Mapping`
/// shows a file there; the rest faults.
@safe
public final class AddressReservation: @unchecked Sendable {
    /// The first byte's address. Immutable.
    public let address: UnsafeMutableRawPointer
    /// In bytes, a multiple of the page size. Immutable.
    public let sizeInBytes: Int

    public init(sizeInBytes: Int) throws(SystemError) {
        // SAFETY: without MAP_FIXED the kernel chooses a free range, so nothing that exists is replaced.
        let reserved = unsafe mmap(nil, sizeInBytes, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
        guard let reserved = unsafe reserved, unsafe reserved != MAP_FAILED else {
            throw SystemError("reserve \(sizeInBytes) bytes of addresses", Errno(rawValue: errno))
        }
        unsafe self.address = reserved
        self.sizeInBytes = sizeInBytes
    }

    // SAFETY: the range is this object's own, and each mapping in it keeps the object alive.
    deinit { unsafe munmap(address, sizeInBytes) }

    /// Shows a file's bytes in a part of the range.
    func show(_ file: OwnedDescriptor, fileOffset: UInt64, at offset: Int, sizeInBytes size: Int) throws(SystemError) {
        try replace(at: offset, size, PROT_READ | PROT_WRITE, MAP_SHARED, file.rawValue, fileOffset)
    }

    /// Makes a part of the range fault again.
    func hide(at offset: Int, sizeInBytes size: Int) throws(SystemError) {
        try replace(at: offset, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
    }

    private func replace(
        at offset: Int, _ size: Int, _ protection: CInt, _ flags: CInt, _ file: CInt, _ fileOffset: UInt64
    ) throws(SystemError) {
        precondition(offset >= 0 && size > 0 && size <= sizeInBytes - offset, "a part outside of the reservation")
        // SAFETY: the part lies within the range that this object owns, so MAP_FIXED replaces nothing of others.
        let result = unsafe mmap(
            address.advanced(by: offset), size, protection, flags | MAP_FIXED | MAP_NORESERVE, file, off_t(fileOffset))
        guard unsafe result != MAP_FAILED else {
            throw SystemError("change the mapping of \(size) bytes", Errno(rawValue: errno))
        }
    }
}
