import CLinux

// SAFETY: the C calls of this file without a reason of their own borrow a string, an array with its count or a local
// variable, and only for the call.

/// A file of a fixed size that lives in memory only (memfd_create(2)).
public struct MemoryFile: Sendable {
    public let descriptor: OwnedDescriptor
    public let sizeInBytes: UInt64

    /// A file of zeros; pages come into being when they are touched. Its size can never change again.
    public init(name: String, sizeInBytes: UInt64) throws(SystemError) {
        descriptor = OwnedDescriptor(taking: try unsafe checked(clinux_memfd(name), "make the memory file \(name)"))
        self.sizeInBytes = sizeInBytes
        try checked(
            clinux_set_size(descriptor.rawValue, sizeInBytes), "size the memory file \(name) to \(sizeInBytes) bytes")
        // A file that shrinks under its mapping kills the process that touches it.
        try checked(clinux_seal_size(descriptor.rawValue), "seal the memory file \(name)")
    }

    /// An empty file that lives in memory only and grows as it is written.
    public static func growing(name: String) throws(SystemError) -> OwnedDescriptor {
        OwnedDescriptor(taking: try unsafe checked(clinux_memfd(name), "make the memory file \(name)"))
    }
}
