import CLinux
import Glibc
import SystemPackage

// SAFETY: the C calls of this file borrow a local variable or an array with its count, and only for the call.

/// Where a piece of a file lies on its medium.
public struct FileExtent: Equatable, Sendable {
    /// In the file, in bytes.
    public let offset: UInt64
    public let sizeInBytes: UInt64
    /// On the medium, in bytes; nil where the file system does not say.
    public let address: UInt64?

    public init(offset: UInt64, sizeInBytes: UInt64, address: UInt64?) {
        self.offset = offset
        self.sizeInBytes = sizeInBytes
        self.address = address
    }
}

/// The blocks of an open file.
public struct FileBlocks: Sendable {
    private let file: OwnedDescriptor

    public init(of file: OwnedDescriptor) { self.file = file }

    /// A file system that has no such call says so in one of these ways.
    private static var absences: [Errno] {
        [.notSupportedOnSocket, .inappropriateIOCTLForDevice, .invalidArgument, .improperLink]
    }

    /// Where the file's data lies, in the file's order; nil where the file system does not say (tmpfs).
    public func extents() throws(SystemError) -> [FileExtent]? {
        var extents: [FileExtent] = []
        var found = [clinux_extent](repeating: clinux_extent(), count: Int(CLINUX_EXTENTS))
        var offset: UInt64 = 0
        while true {
            let count = unsafe clinux_extents(file.rawValue, offset, &found)
            if count < 0, Self.absences.contains(Errno(rawValue: CInt(-count))) { return nil }
            try checked(count, "ask where a file's data lies")
            for extent in found.prefix(Int(count)) {
                extents.append(
                    FileExtent(
                        offset: extent.offset, sizeInBytes: extent.count,
                        address: extent.address == .max ? nil : extent.address))
            }
            guard count > 0, let last = extents.last, last.offset + last.sizeInBytes > offset else { return extents }
            offset = last.offset + last.sizeInBytes
        }
    }

    /// Lets a range of this file have another file's blocks, where both have the same bytes, which the kernel checks
    /// (FIDEDUPERANGE). The file's bytes and times stay.
    ///
    /// - Parameters:
    ///   - range: of this file, in bytes; whole blocks of the file system.
    ///   - source: the other file.
    ///   - offset: where the same bytes are in it.
    /// - Returns: how many bytes are shared, from the range's begin on; 0 where they differ, nil where the file system
    ///   shares no blocks.
    public func share(
        _ range: Range<UInt64>, with source: OwnedDescriptor, at offset: UInt64
    ) throws(SystemError) -> UInt64? {
        let count = clinux_share_range(
            source.rawValue, offset, UInt64(range.count), file.rawValue, range.lowerBound)
        if count < 0, Self.absences.contains(Errno(rawValue: CInt(-count))) { return nil }
        return UInt64(try checked(count, "share \(range.count) bytes of a file"))
    }

    /// Makes a range of this file that of another one, without a copy (FICLONERANGE); false where the file system cannot.
    ///
    /// - Parameters:
    ///   - range: of this file, in bytes; whole blocks of the file system.
    ///   - source: the other file, of the same file system.
    ///   - offset: where the bytes are in it.
    public func clone(
        _ range: Range<UInt64>, from source: OwnedDescriptor, at offset: UInt64
    ) throws(SystemError) -> Bool {
        let result = clinux_clone_range(
            file.rawValue, range.lowerBound, source.rawValue, offset, UInt64(range.count))
        if result < 0, Self.absences.contains(Errno(rawValue: -result)) { return false }
        try checked(result, "clone \(range.count) bytes of a file")
        return true
    }

    /// Sets when the file's content was last changed, in nanoseconds since 1970.
    public func setModified(_ nanoseconds: Int64) throws(SystemError) {
        try checked(clinux_set_modified(file.rawValue, nanoseconds), "set the time of a file")
    }
}
