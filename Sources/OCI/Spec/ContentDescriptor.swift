/// A reference to a blob (OCI image spec 1.1, descriptor.md).
public struct ContentDescriptor: Codable, Hashable, Sendable {
    /// What the content is; nil where nobody said it.
    public var mediaType: String?
    /// The content's.
    public var digest: Digest
    /// The blob's size in bytes.
    public var size: UInt64
    /// Of an index's entry: what it runs on.
    public var platform: Platform?
    /// What the maker says beside it.
    public var annotations: [String: String]?

    public init(
        mediaType: String?, digest: Digest, size: UInt64, platform: Platform? = nil,
        annotations: [String: String]? = nil
    ) {
        self.mediaType = mediaType
        self.digest = digest
        self.size = size
        self.platform = platform
        self.annotations = annotations
    }
}

/// What a manifest's image runs on (OCI image spec 1.1, image-index.md, "platform").
public struct Platform: Codable, Hashable, Sendable, CustomStringConvertible {
    /// As Go names it: `amd64`.
    public var architecture: String
    /// As Go names it: `linux`.
    public var os: String
    /// Of the architecture: `v8`.
    public var variant: String?

    public init(architecture: String, os: String, variant: String? = nil) {
        self.architecture = architecture
        self.os = os
        self.variant = variant
    }

    public var description: String { "\(os)/\(architecture)\(variant.map { "/\($0)" } ?? "")" }

    /// As Go reads it, for which what is missing is empty.
    public init(from decoder: any Decoder) throws {
        let values = try decoder.container(keyedBy: CodingKeys.self)
        architecture = try values.decodeIfPresent(String.self, forKey: .architecture) ?? ""
        os = try values.decodeIfPresent(String.self, forKey: .os) ?? ""
        variant = try values.decodeIfPresent(String.self, forKey: .variant)
    }

    /// How well the guest suits it: nil not at all, the smaller the better. The guest runs on whatever x86-64 the host
    /// has, so of the microarchitecture levels only the first two are safe to take. What says nothing is taken last.
    var rank: Int? {
        guard os == "linux" || os.isEmpty, architecture == "amd64" || architecture.isEmpty else { return nil }
        if os.isEmpty || architecture.isEmpty { return 3 }
        return switch variant {
        case nil, "": 0
        case "v1": 1
        case "v2": 2
        default: nil
        }
    }
}

/// The media types that images are made of (OCI image spec 1.1, media-types.md; Docker image manifest V2).
enum MediaType {
    static let indices: Set = [
        "application/vnd.oci.image.index.v1+json", "application/vnd.docker.distribution.manifest.list.v2+json",
    ]
    static let manifests: Set = [
        "application/vnd.oci.image.manifest.v1+json", "application/vnd.docker.distribution.manifest.v2+json",
    ]
    static let configurations: Set = [
        "application/vnd.oci.image.config.v1+json", "application/vnd.docker.container.image.v1+json",
    ]

    /// Whether a layer of this type is a tar archive, plain or compressed in a way that is read here. How it really is
    /// compressed, its first bytes say.
    static func isLayer(_ type: String) -> Bool {
        let known = ["application/vnd.oci.image.layer.", "application/vnd.docker.image.rootfs."]
        let endings = [".tar", ".tar+gzip", ".tar+zstd", ".tar.gzip", ".tar.zstd"]
        return known.contains { type.hasPrefix($0) } && endings.contains { type.hasSuffix($0) }
    }
}

/// An image index, or the `index.json` of a layout (OCI image spec 1.1, image-index.md).
public struct ImageIndex: Codable, Hashable, Sendable {
    /// 2.
    public var schemaVersion: Int
    /// Of an index; nil where nobody said it.
    public var mediaType: String?
    /// One for each platform, or each image.
    public var manifests: [ContentDescriptor]
    /// What the maker says beside it.
    public var annotations: [String: String]?
}

/// An image manifest (OCI image spec 1.1, manifest.md).
public struct ImageManifest: Codable, Hashable, Sendable {
    /// 2.
    public var schemaVersion: Int
    /// Of a manifest; nil where nobody said it.
    public var mediaType: String?
    /// The configuration document.
    public var config: ContentDescriptor
    /// The lowest first.
    public var layers: [ContentDescriptor]
    /// What the maker says beside it.
    public var annotations: [String: String]?
}

/// The file that marks a directory as an OCI layout (OCI image spec 1.1, image-layout.md).
struct LayoutMarker: Codable {
    var imageLayoutVersion: String
}

/// One image of a docker archive's `manifest.json` (Docker image spec 1.2).
struct DockerArchiveImage: Codable {
    var config: String
    var repoTags: [String]?
    var layers: [String]

    enum CodingKeys: String, CodingKey {
        case config = "Config"
        case repoTags = "RepoTags"
        case layers = "Layers"
    }
}
