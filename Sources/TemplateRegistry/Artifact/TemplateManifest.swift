import FoundationEssentials
import LinuxSystem
package import OCI
package import Runtime

/// A template's manifest (OCI image specification 1.1, manifest.md, "Guidelines for Artifact Usage").
package struct TemplateManifest: Equatable, Sendable {
    package static let mediaType = "application/vnd.oci.image.manifest.v1+json"
    private static let artifactType = "application/vnd.czone.template.v1"
    /// The longest manifest, in bytes: registries take no longer one.
    package static let maxBytes = 4 << 20

    /// What a blob of a template is, and how large it may be.
    package enum Kind: String, CaseIterable, Sendable {
        case configuration = "application/vnd.czone.template.config.v1+json"
        case state = "application/vnd.czone.template.state.v1"
        case workingSet = "application/vnd.czone.template.working-set.v1"
        case index = "application/vnd.czone.template.index.v1"
        /// Chunks that a VM writes until it is ready, and that no pack had before.
        case workingSetPack = "application/vnd.czone.template.working-set-pack.v1"
        case pack = "application/vnd.czone.template.pack.v1"

        /// In bytes.
        package var maxBytes: Int {
            switch self {
            case .configuration: 1 << 20
            case .state: 16 << 20
            case .workingSet: 1 << 20
            case .index: PackIndex.maxBytes
            case .workingSetPack, .pack: Int(PackIndex.maxPackSize)
            }
        }
    }

    package struct Blob: Hashable, Sendable {
        package let kind: Kind
        package let digest: Digest
        /// In bytes.
        package let size: Int

        package init(_ kind: Kind, digest: Digest, size: Int) {
            self.kind = kind
            self.digest = digest
            self.size = size
        }

        package init(_ kind: Kind, _ bytes: [UInt8]) { self.init(kind, digest: Digest(of: bytes), size: bytes.count) }
    }

    package let configuration: Blob
    package let layers: [Blob]
    /// For people who look at the registry.
    private let image: String

    /// - Parameter image: what the template's image was named by.
    package init(configuration: Blob, layers: [Blob], image: String) {
        self.configuration = configuration
        self.layers = layers
        self.image = image
    }

    /// The one layer of a kind; nil where there is none.
    package subscript(_ kind: Kind) -> Blob? { layers.first { $0.kind == kind } }

    private struct Document: Codable {
        var schemaVersion: Int
        var mediaType: String?
        var artifactType: String?
        var config: ContentDescriptor
        var layers: [ContentDescriptor]
        var annotations: [String: String]?
    }

    package func bytes() throws(RuntimeError) -> [UInt8] {
        func descriptor(_ blob: Blob) -> ContentDescriptor {
            ContentDescriptor(mediaType: blob.kind.rawValue, digest: blob.digest, size: UInt64(blob.size))
        }
        return try JSONText.bytes(
            of: Document(
                schemaVersion: 2, mediaType: Self.mediaType, artifactType: Self.artifactType,
                config: descriptor(configuration), layers: layers.map(descriptor),
                annotations: ["dev.czone.template.image": image]))
    }

    /// Reads what somebody hostile may have written.
    package init(_ bytes: [UInt8]) throws(ArtifactError) {
        guard bytes.count <= Self.maxBytes, let document = try? JSONDecoder().decode(Document.self, from: Data(bytes))
        else {
            throw .invalid("the manifest", "is none of the OCI image specification, of at most \(Self.maxBytes) bytes")
        }
        guard document.schemaVersion == 2, document.config.mediaType == Kind.configuration.rawValue else {
            let found = quoted(document.artifactType ?? document.config.mediaType ?? "")
            throw .invalid("the manifest", "is of \(found), expected a template of czone (\(Self.artifactType))")
        }
        guard document.layers.count <= PackIndex.maxPacks + 3 else {
            throw .invalid(
                "the manifest", "has \(document.layers.count) layers, expected at most \(PackIndex.maxPacks + 3)")
        }
        configuration = try Self.blob(document.config)
        var layers: [Blob] = []
        for descriptor in document.layers { layers.append(try Self.blob(descriptor)) }
        for (kind, counts) in [(Kind.state, 1...1), (.index, 1...1), (.workingSet, 0...1), (.configuration, 0...0)] {
            let count = layers.count { $0.kind == kind }
            guard counts.contains(count) else {
                throw .invalid("the manifest", "has \(count) layers of \(kind.rawValue)")
            }
        }
        self.layers = layers
        image = document.annotations?["dev.czone.template.image"] ?? ""
    }

    private static func blob(_ descriptor: ContentDescriptor) throws(ArtifactError) -> Blob {
        guard let kind = descriptor.mediaType.flatMap({ Kind(rawValue: $0) }) else {
            throw .invalid(
                "the manifest", "has a layer of \(quoted(descriptor.mediaType ?? "no type")), which no template has")
        }
        guard (1...UInt64(kind.maxBytes)).contains(descriptor.size) else {
            throw .invalid(
                "the manifest", "has a \(kind.rawValue) of \(descriptor.size) bytes, expected 1 to \(kind.maxBytes)")
        }
        return Blob(kind, digest: descriptor.digest, size: Int(descriptor.size))
    }
}
