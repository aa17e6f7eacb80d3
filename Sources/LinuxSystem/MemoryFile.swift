import CLinux

// SAFETY: the C calls of this file that have no word of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// A file that lives in memory only (memfd_create(2)): what guest memory is made of.
public struct MemoryFile: Sendable {
    public let descriptor: OwnedDescriptor
    public let sizeInBytes: UInt64

    /// A file of zeros; pages come into being when they are touched. Its size can never change again.
    public init(name: String, sizeInBytes: UInt64) throws(SystemError) {
        descriptor = OwnedDescriptor(taking: try unsafe checked(clinux_memfd(name), "make the memory file \(name)"))
        self.sizeInBytes = sizeInBytes
        try checked(
            clinux_set_size(descriptor.rawValue, sizeInBytes), "size the memory file \(name) to \(sizeInBytes) bytes")
        // A file that shrinks under its mapping kills whoever touches it.
        try checked(clinux_seal_size(descriptor.rawValue), "seal the memory file \(name)")
    }

    /// Gives a range's pages back to the host; the range reads as zeros from then on.
    public func punchHole(offset: UInt64, sizeInBytes: UInt64) throws(SystemError) {
        try checked(
            clinux_punch_hole(descriptor.rawValue, offset, sizeInBytes),
            "punch a hole of \(sizeInBytes) bytes at \(offset)")
    }

    /// How many bytes of a range have host memory behind them now.
    public func residentBytes(offset: UInt64, sizeInBytes: UInt64) -> UInt64 {
        let parts = try? descriptor.dataRanges(in: offset..<offset + sizeInBytes)
        return parts?.reduce(0) { $0 + UInt64($1.count) } ?? 0
    }
}

extension OwnedDescriptor {
    /// An empty file that lives in memory only and grows as it is written (memfd_create(2)).
    public static func temporaryMemory(named name: String) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try unsafe checked(clinux_memfd(name), "make the memory file \(name)"))
    }
}
