import CLinux
import Glibc
public import LinuxSystem
import SystemPackage

/// Bytes of this process with guest memory behind them, for one read or write of a packet that needs no lock.
///
/// Filled with the lock held that protects guest memory's map: each range is checked then. The system call may come when
/// the lock is another's: the mappings are held, so that their addresses are nobody else's yet, and what was unplugged
/// meanwhile faults in the call, which fails. Used by one thread at a time.
@safe
public final class GuestTransfer: @unchecked Sendable {
    /// As many as readv(2) and writev(2) take (IOV_MAX), without the head.
    public static let maxRanges = 1023

    /// In front of the guest's bytes; as long as the object lives at one address.
    private let head: UnsafeMutableRawBufferPointer
    private var headSize = 0
    // SAFETY: for all of this file: a vector is the head or a checked range of a mapping in `mappings`, which is held.
    private var vectors: [iovec] = unsafe []
    /// Behind the vectors, each once in a row.
    private var mappings: [Mapping] = []
    /// Of the guest's ranges together.
    public private(set) var guestBytes = 0

    /// - Parameter headCapacity: the most bytes of this process's own.
    public init(headCapacity: Int) {
        // SAFETY: fresh memory that has no other owner; of the vectors only room is made.
        unsafe head = .allocate(byteCount: headCapacity, alignment: 8)
        unsafe vectors.reserveCapacity(64)
    }

    // SAFETY: allocated by `init`, and nobody else has the address.
    deinit { unsafe head.deallocate() }

    /// Begins anew, for a read: so many own bytes come first.
    public func begin(headOf size: Int) {
        precondition(unsafe size <= head.count, "a head of \(size) bytes, larger than the transfer's")
        headSize = size
        guestBytes = 0
        unsafe vectors.removeAll(keepingCapacity: true)
        mappings.removeAll(keepingCapacity: true)
        // SAFETY: size ≤ the allocation's.
        unsafe vectors.append(iovec(iov_base: head.baseAddress, iov_len: size))
    }

    /// Begins anew, for a write: these bytes come first.
    public func begin(_ bytes: [UInt8]) {
        begin(headOf: bytes.count)
        // SAFETY: `begin` checked that the head has room for as many.
        unsafe head.copyBytes(from: bytes)
    }

    /// What a read has put into the head.
    public var headBytes: [UInt8] {
        // SAFETY: headSize ≤ the allocation's.
        unsafe Array(head.prefix(headSize))
    }

    /// Adds a range that is to be written to. False where it is one too many.
    public func append(writable range: GuestRange, in memory: GuestMemory) throws(GuestMemoryError) -> Bool {
        try append(range, of: memory.region(writable: range))
    }

    /// Adds a range that is to be read only. False where it is one too many.
    public func append(readable range: GuestRange, in memory: GuestMemory) throws(GuestMemoryError) -> Bool {
        try append(range, of: memory.region(readable: range))
    }

    private func append(_ range: GuestRange, of region: GuestMemory.Region) throws(GuestMemoryError) -> Bool {
        guard unsafe vectors.count <= Self.maxRanges else { return false }
        let distance = Int(range.start.rawValue - region.range.start.rawValue)
        // SAFETY: the region contains the range, so that address and length stay within its mapping, which is held.
        unsafe vectors.append(
            iovec(iov_base: region.mapping.address.advanced(by: distance), iov_len: Int(range.sizeInBytes)))
        if mappings.last !== region.mapping { mappings.append(region.mapping) }
        guestBytes += Int(range.sizeInBytes)
        return true
    }

    /// Reads once (readv(2)); how many bytes, the head's among them.
    public func read(from descriptor: OwnedDescriptor) throws(SystemError) -> Int {
        // SAFETY: each vector is the head or a range that was checked, of mappings that are held; the count is the array's.
        let count = unsafe readv(descriptor.rawValue, vectors, CInt(vectors.count))
        guard count >= 0 else { throw SystemError("read into guest memory", Errno(rawValue: errno)) }
        return count
    }

    /// Writes once (writev(2)); how many bytes it took.
    public func write(to descriptor: OwnedDescriptor) throws(SystemError) -> Int {
        // SAFETY: as in `read`; writev only reads.
        let count = unsafe writev(descriptor.rawValue, vectors, CInt(vectors.count))
        guard count >= 0 else { throw SystemError("write from guest memory", Errno(rawValue: errno)) }
        return count
    }
}

extension GuestMemory {
    /// The region that a range lies whole in and that may be written.
    func region(writable range: GuestRange) throws(GuestMemoryError) -> Region {
        for region in regions where region.range.contains(range) { return region }
        throw .notMapped(address: range.start, sizeInBytes: range.sizeInBytes)
    }

    /// The region that a range lies whole in, which may be read-only.
    func region(readable range: GuestRange) throws(GuestMemoryError) -> Region {
        for region in regions where region.range.contains(range) { return region }
        for region in readOnlyRegions where region.range.contains(range) { return region }
        throw .notMapped(address: range.start, sizeInBytes: range.sizeInBytes)
    }
}
