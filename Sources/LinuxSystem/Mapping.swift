import Glibc
import SystemPackage

/// A mapping of memory into this process, unmapped when its last owner lets go of it.
@safe
public final class Mapping: @unchecked Sendable {
    /// What the mapping shows.
    public enum Source {
        /// Zeroed memory of the process's own.
        case anonymous
        /// A file's bytes from an offset in bytes (a multiple of the page size), shared with everybody who maps it.
        case shared(OwnedDescriptor, offset: UInt64)
    }

    /// The first byte's address. Immutable.
    public let address: UnsafeMutableRawPointer
    /// The mapping's length in bytes. Immutable.
    public let sizeInBytes: Int
    /// What the mapping is a part of, where it has no addresses of its own.
    private let reservation: AddressReservation?

    /// Maps `sizeInBytes` bytes (a multiple of the page size), without reserving swap for them.
    public init(_ source: Source, sizeInBytes: Int, writable: Bool = true) throws(SystemError) {
        let protection = PROT_READ | (writable ? PROT_WRITE : 0)
        let (flags, descriptor, offset): (CInt, CInt, UInt64) =
            switch source {
            case .anonymous: (MAP_PRIVATE | MAP_ANONYMOUS, -1, 0)
            case .shared(let file, let offset): (MAP_SHARED, file.rawValue, offset)
            }
        // SAFETY: without MAP_FIXED the kernel chooses a free range, so nothing that exists is replaced.
        let mapped = unsafe mmap(nil, sizeInBytes, protection, flags | MAP_NORESERVE, descriptor, off_t(offset))
        guard let mapped = unsafe mapped, unsafe mapped != MAP_FAILED else {
            throw SystemError("map \(sizeInBytes) bytes of memory", Errno(rawValue: errno))
        }
        unsafe self.address = mapped
        self.sizeInBytes = sizeInBytes
        reservation = nil
    }

    /// Zeroed memory of the process's own, aligned to 2 MiB and in huge pages where the host gives them.
    public init(hugePagesOf sizeInBytes: Int) throws(SystemError) {
        // SAFETY: fresh memory that has no other owner.
        unsafe address = try reserveAddresses(sizeInBytes, PROT_READ | PROT_WRITE)
        self.sizeInBytes = sizeInBytes
        reservation = nil
        // SAFETY: advice about this object's own mapping. A host without huge pages refuses; small ones do.
        unsafe _ = madvise(address, sizeInBytes, MADV_HUGEPAGE)
    }

    /// From now on memory comes in small pages; what came in huge ones stays so.
    public func useSmallPages() {
        // SAFETY: advice about this object's own mapping; its bytes stay what they are.
        unsafe _ = madvise(address, sizeInBytes, MADV_NOHUGEPAGE)
    }

    /// How many bytes of the mapping have host memory behind them now (mincore(2)).
    public var residentBytes: UInt64 {
        let pageSize = 4096
        var pages = [UInt8](repeating: 0, count: (sizeInBytes + pageSize - 1) / pageSize)
        // SAFETY: the array has a byte for each page of the mapping.
        guard unsafe mincore(address, sizeInBytes, &pages) == 0 else { return 0 }
        return UInt64(pages.count { $0 & 1 != 0 } * pageSize)
    }

    /// Zeroed memory of the process's own in a part of reserved addresses that has no mapping yet: in small pages in these
    /// ranges (in bytes from its start, multiples of 2 MiB; what lies beyond its end is left out), else in huge ones,
    /// where the host gives them. It stays there until the reservation hides it.
    public init(
        in reservation: AddressReservation, at offset: Int, sizeInBytes: Int, inSmallPages small: [Range<Int>]
    ) throws(SystemError) {
        try reservation.open(at: offset, sizeInBytes: sizeInBytes)
        // SAFETY: `open` checked that the part lies within the reservation.
        unsafe address = reservation.address.advanced(by: offset)
        self.sizeInBytes = sizeInBytes
        self.reservation = reservation
        // SAFETY: advice about this object's own mapping. A host without huge pages refuses; small ones do.
        unsafe _ = madvise(address, sizeInBytes, MADV_HUGEPAGE)
        for range in small.map({ $0.clamped(to: 0..<sizeInBytes) }) where !range.isEmpty {
            // SAFETY: the range lies within this object's own mapping.
            unsafe _ = madvise(address.advanced(by: range.lowerBound), range.count, MADV_NOHUGEPAGE)
        }
    }

    /// Shows a file's bytes in a part of the mapping, copied on write, instead of what was there. Offsets and size are
    /// multiples of the page size.
    public func overlay(
        _ file: OwnedDescriptor, fileOffset: UInt64, at offset: Int, sizeInBytes size: Int
    ) throws(SystemError) {
        precondition(offset >= 0 && size > 0 && size <= sizeInBytes - offset, "a part outside of the mapping")
        // SAFETY: the part lies within the range that this object owns, so MAP_FIXED replaces nothing of others.
        let result = unsafe mmap(
            address.advanced(by: offset), size, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_FIXED | MAP_NORESERVE,
            file.rawValue, off_t(fileOffset))
        guard unsafe result != MAP_FAILED else {
            throw SystemError("map \(size) bytes of a file over memory", Errno(rawValue: errno))
        }
    }

    deinit {
        // A part of reserved addresses is the reservation's to hide.
        guard reservation == nil else { return }
        // SAFETY: the mapping is this object's own, and nobody has its address any longer.
        unsafe munmap(address, sizeInBytes)
    }
}
