import CLinux
import Glibc
public import LinuxSystem
import SystemPackage

/// Bytes between files and guest memory without a copy in between.
extension GuestMemory {
    /// Reads from a descriptor into guest ranges, in order (readv(2)); how many bytes, 0 at the end of the file.
    ///
    /// Throws `.transferFailed` with `.resourceTemporarilyUnavailable` when a non-blocking descriptor has nothing.
    public func read(from descriptor: OwnedDescriptor, into ranges: [GuestRange]) throws(GuestMemoryError) -> Int {
        var vectors = try unsafe vectors(for: ranges)
        // SAFETY: each vector is a checked range; the count is the array's own.
        let count = unsafe readv(descriptor.rawValue, &vectors, CInt(vectors.count))
        guard count >= 0 else { throw .transferFailed(SystemError("read into guest memory", Errno(rawValue: errno))) }
        return count
    }

    /// Writes guest ranges to a descriptor, in order (writev(2)); how many bytes it took.
    public func write(_ ranges: [GuestRange], to descriptor: OwnedDescriptor) throws(GuestMemoryError) -> Int {
        var vectors = try unsafe readableVectors(for: ranges)
        // SAFETY: each vector is a checked range, which writev only reads; the count is the array's own.
        let count = unsafe writev(descriptor.rawValue, &vectors, CInt(vectors.count))
        guard count >= 0 else { throw .transferFailed(SystemError("write from guest memory", Errno(rawValue: errno))) }
        return count
    }

    /// Lets a range begin as a file's bytes from an offset: whole pages show the file, copied on write, so that they
    /// take no memory until the guest changes them; parts that are not whole pages on both sides are read.
    ///
    /// The file must keep its bytes as long as the mapping lives: a page that the guest has not changed shows them.
    public func show(
        _ range: GuestRange, of descriptor: OwnedDescriptor, at offset: UInt64
    ) throws(GuestMemoryError) {
        guard let region = regions.first(where: { $0.range.contains(range) }) else {
            throw .notMapped(address: range.start, sizeInBytes: range.sizeInBytes)
        }
        let pages = range.sizeInBytes & ~(Self.pageSize - 1)
        guard pages > 0, range.start.rawValue % Self.pageSize == 0, offset % Self.pageSize == 0 else {
            return try load(range, from: descriptor, at: offset)
        }
        let place = Int(range.start.rawValue - region.range.start.rawValue)
        do { try region.mapping.overlay(descriptor, fileOffset: offset, at: place, sizeInBytes: Int(pages)) } catch {
            throw .transferFailed(error)
        }
        guard pages < range.sizeInBytes, let restStart = range.start.advanced(by: pages),
            let rest = GuestRange(start: restStart, sizeInBytes: range.sizeInBytes - pages)
        else { return }
        try load(rest, from: descriptor, at: offset + pages)
    }

    private static var pageSize: UInt64 { 4096 }

    /// Reads exactly the range's size from a file at an offset.
    public func load(
        _ range: GuestRange, from descriptor: OwnedDescriptor, at offset: UInt64
    ) throws(GuestMemoryError) {
        let target = try unsafe hostAddress(of: range.start, sizeInBytes: range.sizeInBytes)
        var filled = 0
        while filled < Int(range.sizeInBytes) {
            // SAFETY: filled < size bounds address and length within the checked range.
            let count = unsafe pread(
                descriptor.rawValue, target.advanced(by: filled), Int(range.sizeInBytes) - filled,
                off_t(offset) + off_t(filled))
            if count < 0 && errno == EINTR { continue }
            guard count > 0 else {
                let cause = count == 0 ? Errno.noData : Errno(rawValue: errno)
                throw .transferFailed(SystemError("read \(range.sizeInBytes) bytes at offset \(offset)", cause))
            }
            filled += count
        }
    }

    /// Fills a range with random bytes from the host's kernel (getrandom(2)).
    public func fillRandom(_ range: GuestRange) throws(GuestMemoryError) {
        let target = try unsafe hostAddress(of: range.start, sizeInBytes: range.sizeInBytes)
        var filled = 0
        while filled < Int(range.sizeInBytes) {
            // SAFETY: filled < size bounds address and length within the checked range.
            let count = unsafe getrandom(target.advanced(by: filled), Int(range.sizeInBytes) - filled, 0)
            guard count > 0 || errno == EINTR else {
                throw .transferFailed(SystemError("get random bytes", Errno(rawValue: errno)))
            }
            filled += max(0, count)
        }
    }

    /// Of what is only read: at most 1024 vectors (IOV_MAX), as writev(2) takes.
    private func readableVectors(for ranges: [GuestRange]) throws(GuestMemoryError) -> [iovec] {
        // SAFETY: `readableAddress` proved each range to lie whole in a mapping, which cannot go while the call runs.
        var vectors: [iovec] = unsafe []
        for range in ranges.prefix(1024) {
            let base = try unsafe readableAddress(of: range.start, sizeInBytes: range.sizeInBytes)
            unsafe vectors.append(
                iovec(iov_base: UnsafeMutableRawPointer(mutating: base), iov_len: Int(range.sizeInBytes)))
        }
        return unsafe vectors
    }

    /// At most 1024 vectors (IOV_MAX), as readv(2) takes.
    private func vectors(for ranges: [GuestRange]) throws(GuestMemoryError) -> [iovec] {
        // SAFETY: `hostAddress` proved each range to lie whole in a mapping, which cannot go while the call runs.
        var vectors: [iovec] = unsafe []
        for range in ranges.prefix(1024) {
            let base = try unsafe hostAddress(of: range.start, sizeInBytes: range.sizeInBytes)
            unsafe vectors.append(iovec(iov_base: base, iov_len: Int(range.sizeInBytes)))
        }
        return unsafe vectors
    }
}
