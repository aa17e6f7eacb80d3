/// An image of the store: one EROFS file, and what is needed to run a container of it.
public struct StoredImage: Codable, Hashable, Sendable {
    /// The digest of the image's configuration, which names every layer; of a plain directory, that of its fingerprint.
    public let digest: Digest
    /// What it was imported as: the archive's name for it, else the path.
    public let name: String
    /// The path that it was imported from.
    public let origin: String
    /// As its maker wrote it.
    public let config: ImageConfig
    /// The image's own users and groups.
    public let accounts: Accounts
    /// The EROFS file's size in bytes, a multiple of 2 MiB.
    public let erofsSizeInBytes: UInt64
    /// When the image was made, as its author says (RFC 3339).
    public let created: String?
    /// When it was imported, in seconds since 1970.
    public let imported: Int64
    /// The EROFS file.
    public internal(set) var erofsPath = ""
    /// The names that lead to it now; only filled in by `ImageStore.list()`.
    public internal(set) var names: [String] = []

    enum CodingKeys: String, CodingKey {
        case digest, name, origin, config, accounts, erofsSizeInBytes, created, imported
    }
}
