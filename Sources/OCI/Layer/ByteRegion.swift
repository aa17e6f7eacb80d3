import LinuxSystem

/// A blob: a range of an open file's bytes.
struct ByteRegion {
    let file: OwnedDescriptor
    /// In bytes from the file's begin.
    let offset: UInt64
    let sizeInBytes: UInt64

    /// All of a file.
    init(_ file: OwnedDescriptor) throws(OCIError) {
        self.init(file: file, offset: 0, sizeInBytes: try Directory.status(of: file).sizeInBytes)
    }

    init(file: OwnedDescriptor, offset: UInt64, sizeInBytes: UInt64) {
        self.file = file
        self.offset = offset
        self.sizeInBytes = sizeInBytes
    }

    /// The bytes, when they are at most `limit`; `what` names them in the error.
    func bytes(limit: UInt64, what: @autoclosure () -> String) throws(OCIError) -> [UInt8] {
        guard sizeInBytes <= limit else { throw .limitExceeded(what: "bytes in \(what())", limit: limit) }
        return try system { () throws(SystemError) in try file.read(exactly: Int(sizeInBytes), at: offset) }
    }

    /// The first bytes, as many as there are up to `count`.
    func prefix(_ count: Int) throws(OCIError) -> [UInt8] {
        try system { () throws(SystemError) in
            try file.read(exactly: min(count, Int(clamping: sizeInBytes)), at: offset)
        }
    }
}
