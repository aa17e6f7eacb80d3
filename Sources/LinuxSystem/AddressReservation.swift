import Glibc
import SystemPackage

/// A range of this process's addresses. Parts of it become accessible while a `Mapping` has memory there; the rest
/// faults.
@safe
public final class AddressReservation: @unchecked Sendable {
    /// The first byte's address, a multiple of 2 MiB, so that huge pages fit. Immutable.
    public let address: UnsafeMutableRawPointer
    /// In bytes, a multiple of the page size. Immutable.
    public let sizeInBytes: Int

    public init(sizeInBytes: Int) throws(SystemError) {
        // SAFETY: fresh addresses that have no other owner.
        unsafe address = try reserveAddresses(sizeInBytes, PROT_NONE)
        self.sizeInBytes = sizeInBytes
    }

    // SAFETY: the range is this object's own, and each mapping in it keeps the object alive.
    deinit { unsafe munmap(address, sizeInBytes) }

    /// Lets zeroed memory come into a part of the range as it is touched.
    func open(at offset: Int, sizeInBytes size: Int) throws(SystemError) {
        precondition(offset >= 0 && size > 0 && size <= sizeInBytes - offset, "a part outside of the reservation")
        // SAFETY: the part lies within the range that this object owns.
        guard unsafe mprotect(address.advanced(by: offset), size, PROT_READ | PROT_WRITE) == 0 else {
            throw SystemError("open \(size) bytes of memory", Errno(rawValue: errno))
        }
    }

    /// Makes a part of the range fault again and gives what was in it back to the host, page tables among it, in one
    /// step: fresh inaccessible addresses take the place of the old ones.
    ///
    /// Where it throws, the part is accessible as before. Ends the process where the kernel has unmapped the old addresses
    /// and has no memory for the new: what came to lie there next would be open to whom the part is shown.
    public func hide(at offset: Int, sizeInBytes size: Int) throws(SystemError) {
        precondition(offset >= 0 && size > 0 && size <= sizeInBytes - offset, "a part outside of the reservation")
        // SAFETY: the part lies within the range that this object owns, so MAP_FIXED replaces nothing of others.
        let hidden = unsafe mmap(
            address.advanced(by: offset), size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_FIXED | MAP_NORESERVE, -1,
            0)
        guard unsafe hidden == MAP_FAILED else { return }
        let refusal = SystemError("take \(size) bytes of memory away", Errno(rawValue: errno))
        // Changes nothing where all is as it was, and fails where something is unmapped.
        do { try open(at: offset, sizeInBytes: size) } catch { fatalError("\(refusal)") }
        throw refusal
    }
}

/// The alignment of huge pages, in bytes.
private let hugePageSize = 2 << 20

/// Maps memory that is private and zeroed, aligned to 2 MiB.
func reserveAddresses(_ sizeInBytes: Int, _ protection: CInt) throws(SystemError) -> UnsafeMutableRawPointer {
    let room = sizeInBytes + hugePageSize
    // SAFETY: without MAP_FIXED the kernel chooses a free range, so nothing that exists is replaced.
    let mapped = unsafe mmap(nil, room, protection, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0)
    guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
        throw SystemError("map \(sizeInBytes) bytes of memory", Errno(rawValue: errno))
    }
    let lead = (hugePageSize - Int(bitPattern: mapped) % hugePageSize) % hugePageSize
    // SAFETY: both ends lie within what was just mapped and has no other owner.
    if lead > 0 { unsafe _ = munmap(mapped, lead) }
    unsafe _ = munmap(mapped.advanced(by: lead + sizeInBytes), room - lead - sizeInBytes)
    return unsafe mapped.advanced(by: lead)
}
