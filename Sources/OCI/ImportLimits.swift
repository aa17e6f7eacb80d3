/// How much an import may unpack: what stops an archive that is small and unpacks to something huge.
public struct ImportLimits: Sendable {
    /// Files, directories, links and so on, of all layers together.
    public var entries: UInt64
    /// The bytes of all layers together, uncompressed; holes of sparse files count.
    public var sizeInBytes: UInt64
    /// How deep directories may lie in each other.
    public var depth: Int
    /// The length of a manifest, an index or a configuration.
    public var documentInBytes: UInt64

    public init(
        entries: UInt64 = 2_000_000, sizeInBytes: UInt64 = 64 << 30, depth: Int = 256, documentInBytes: UInt64 = 8 << 20
    ) {
        self.entries = entries
        self.sizeInBytes = sizeInBytes
        self.depth = depth
        self.documentInBytes = documentInBytes
    }
}

/// How far an import has come.
public struct ImportProgress: Sendable, Equatable {
    /// What an import is doing.
    public enum Phase: String, Sendable {
        /// Another process builds the same image.
        case waiting
        /// A compressed archive is unpacked, so that its blobs can be reached.
        case decompressing
        /// The layers are verified and unpacked.
        case unpacking
        /// The file system image is written.
        case building
    }

    /// What it is doing.
    public var phase: Phase
    /// How much of it is done, in bytes.
    public var bytesDone: UInt64
    /// 0 when it is not known.
    public var bytesTotal: UInt64

    public init(_ phase: Phase, bytesDone: UInt64 = 0, bytesTotal: UInt64 = 0) {
        self.phase = phase
        self.bytesDone = bytesDone
        self.bytesTotal = bytesTotal
    }

    /// Called with every step, on the thread that imports; a few times per megabyte at most.
    public typealias Observer = (ImportProgress) -> Void
}
