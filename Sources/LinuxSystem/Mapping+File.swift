import CLinux
import Glibc
import SystemPackage

/// Mappings and files: writing memory out, and which pages are the file's.
extension Mapping {
    private static var pageSize: Int { 4096 }
    /// How much is looked at before something is written, in bytes.
    private static var pieceSize: Int { 1 << 20 }
    /// A hole of a file that is smaller than this, in bytes, is not worth a mapping of its own.
    private static var leastHole: UInt64 { 16 << 10 }
    /// A process has some 65 000 mappings (vm.max_map_count): two for each of these leave enough.
    private static var maxParts: Int { 8192 }

    /// Shows a file's bytes from an offset on (a multiple of the page size), copied on write: what is written here never
    /// reaches the file. Its holes are zeroed memory of the process's own, in small pages: read through the file, they
    /// would fill the host's page cache with zeros.
    public convenience init(
        copyOnWrite file: OwnedDescriptor, offset: UInt64, sizeInBytes: Int
    ) throws(SystemError) {
        try self.init(.anonymous, sizeInBytes: sizeInBytes)
        useSmallPages()
        let whole = offset..<offset + UInt64(sizeInBytes)
        for part in try file.dataRanges(in: whole, bridging: Self.leastHole, atMost: Self.maxParts) {
            try overlay(file, fileOffset: part.lowerBound, at: Int(part.lowerBound - offset), sizeInBytes: part.count)
        }
    }

    /// Writes the mapping into a file from an offset on. Pages of zeros are left out: where the file is new, they are
    /// holes, take no room, and read as zeros.
    public func writeSparsely(to file: OwnedDescriptor, at offset: UInt64) throws(SystemError) {
        precondition(sizeInBytes % Self.pageSize == 0, "a mapping of whole pages")
        var start = 0
        while start < sizeInBytes {
            guard !isZero(at: start) else {
                start += Self.pageSize
                continue
            }
            var end = start + Self.pageSize
            while end < sizeInBytes, end - start < Self.pieceSize, !isZero(at: end) { end += Self.pageSize }
            try write(start..<end, to: file, at: offset)
            start = end
        }
    }

    private func write(_ part: Range<Int>, to file: OwnedDescriptor, at offset: UInt64) throws(SystemError) {
        var written = part.lowerBound
        while written < part.upperBound {
            // SAFETY: `written` and the rest of the part lie within the mapping, by the callers' loop.
            let count = retrying {
                unsafe pwrite(
                    file.rawValue, address.advanced(by: written), part.upperBound - written,
                    off_t(offset) + off_t(written))
            }
            guard count > 0 else {
                throw SystemError("write \(part.count) bytes of memory", count == 0 ? .noSpace : Errno(rawValue: errno))
            }
            written += count
        }
    }

    /// Whether the page at an offset has only zeros.
    private func isZero(at offset: Int) -> Bool {
        // SAFETY: the offset is a page's within the mapping; a page has that many words, and mappings are page-aligned.
        let words = unsafe UnsafeRawBufferPointer(start: address.advanced(by: offset), count: Self.pageSize)
        for place in stride(from: 0, to: Self.pageSize, by: 8)
        where unsafe words.load(fromByteOffset: place, as: UInt64.self) != 0 {
            return false
        }
        return true
    }

    /// How many bytes of the mapping are in pages that no file and no other process has.
    public var privateBytes: UInt64 { privatePages.reduce(0) { $0 + UInt64($1.count * Self.pageSize) } }

    /// Runs of pages, by their places in the mapping, that no file and no other process has (/proc/self/pagemap: swapped,
    /// or present, not a file's, and mapped just once, which the page of zeros is not). None where the kernel does not
    /// show it.
    public var privatePages: [Range<Int>] {
        guard let pageMap = ProcessMemory.pageMap else { return [] }
        // SAFETY: only the address's number is used.
        let first = unsafe UInt64(UInt(bitPattern: address)) / UInt64(Self.pageSize)
        let count = sizeInBytes / Self.pageSize
        var runs: [Range<Int>] = []
        for start in stride(from: 0, to: count, by: Self.entriesPerRead) {
            let wanted = min(Self.entriesPerRead, count - start)
            guard let entries = try? pageMap.read(exactly: 8 * wanted, at: 8 * (first + UInt64(start))) else { break }
            // Of a little-endian entry, the last byte has bits 56 to 63.
            for place in stride(from: 7, to: entries.count, by: 8) where Self.isPrivate(entries[place]) {
                let page = start + place / 8
                if let last = runs.last, last.upperBound == page {
                    runs[runs.count - 1] = last.lowerBound..<page + 1
                } else {
                    runs.append(page..<page + 1)
                }
            }
        }
        return runs
    }

    /// Bits 63 present, 62 swapped, 61 a file's or shared, 56 mapped exactly once (admin-guide/mm/pagemap.rst).
    private static func isPrivate(_ entry: UInt8) -> Bool { entry & 0x40 != 0 || entry & 0xa1 == 0x81 }

    /// Makes pages the process's own, as a write to each would (MADV_POPULATE_WRITE, since Linux 5.14). Where the kernel
    /// does not do it, or not for all, nothing is lost: the writes will.
    public func makePrivate(_ pages: Range<Int>) {
        precondition(pages.lowerBound >= 0 && pages.upperBound <= sizeInBytes / Self.pageSize, "pages of the mapping")
        // SAFETY: the range lies within the mapping, which stays mapped; what its bytes are does not change.
        unsafe _ = madvise(
            address.advanced(by: pages.lowerBound * Self.pageSize), pages.count * Self.pageSize, MADV_POPULATE_WRITE)
    }

    private static var entriesPerRead: Int { 8192 }

    /// Gives a range's pages back to the host. A private mapping shows its file's bytes there again, or zeros.
    public func discard(offset: Int, sizeInBytes size: Int) throws(SystemError) {
        precondition(offset >= 0 && size >= 0 && size <= sizeInBytes - offset, "a range outside of the mapping")
        // SAFETY: the range lies within the mapping, which stays mapped.
        guard unsafe madvise(address.advanced(by: offset), size, MADV_DONTNEED) == 0 else {
            throw SystemError("give back \(size) bytes of memory", Errno(rawValue: errno))
        }
    }
}
