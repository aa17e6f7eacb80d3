import SystemPackage

/// One entry of a layer's archive, as it stands there: nothing of it has been checked yet.
struct LayerEntry {
    enum Kind {
        case file
        case directory
        /// The target, NUL-terminated, byte for byte.
        case symbolicLink([CChar])
        case hardLink(FilePath)
        /// A character or block device, a fifo or a socket: `mode` holds which.
        case node(mode: UInt32, major: UInt32, minor: UInt32)
    }

    var path: FilePath
    var kind: Kind
    var attributes: FileAttributes
    /// Of a file's content, with its holes.
    var sizeInBytes: UInt64
}
