import LinuxSystem

/// Chooses the manifest for linux/amd64 out of an index, which may refer to further indices (OCI image spec 1.1,
/// image-index.md).
struct ManifestChoice {
    let container: ImageContainer
    let limits: ImportLimits

    init(_ container: ImageContainer, limits: ImportLimits) {
        self.container = container
        self.limits = limits
    }

    private struct Candidate {
        var descriptor: ContentDescriptor
        var names: [String]
        var rank: Int
    }

    private static let maxNesting = 4
    private static let maxManifests = 1000

    func contents(of index: ImageIndex, name: String?) throws(OCIError) -> ImageContents {
        var candidates: [Candidate] = []
        var refused: [String] = []
        try collect(index, names: [], nesting: 0, into: &candidates, refused: &refused)
        if let name {
            let named = candidates.filter { $0.names.contains(name) }
            guard !named.isEmpty else {
                let known = candidates.flatMap(\.names)
                throw .missing(
                    what:
                        "the image \(quoted(name))\(known.isEmpty ? "" : " (it has \(known.joined(separator: ", ")))")",
                    in: container.path)
            }
            candidates = named
        }
        guard let best = candidates.map(\.rank).min() else { throw .noPlatform(path: container.path, found: refused) }
        candidates.removeAll { $0.rank > best }
        guard let chosen = candidates.first, Set(candidates.map(\.descriptor.digest)).count == 1 else {
            throw .severalImages(
                path: container.path, names: candidates.flatMap { $0.names.isEmpty ? ["(no name)"] : $0.names })
        }
        return try contents(of: chosen.descriptor, names: candidates.flatMap(\.names))
    }

    private func collect(
        _ index: ImageIndex, names: [String], nesting: Int, into candidates: inout [Candidate], refused: inout [String]
    ) throws(OCIError) {
        for descriptor in index.manifests {
            let ownNames = Self.names(descriptor) + names
            if let type = descriptor.mediaType, MediaType.indices.contains(type) {
                guard nesting < Self.maxNesting else {
                    throw .limitExceeded(what: "indices within each other", limit: UInt64(Self.maxNesting))
                }
                let inner = try container.document(ImageIndex.self, of: descriptor, what: "index", limits: limits)
                try collect(inner, names: ownNames, nesting: nesting + 1, into: &candidates, refused: &refused)
            } else if let platform = descriptor.platform, platform.rank == nil {
                if platform.os != "unknown" { refused.append(platform.description) }
            } else {
                // Without a platform, the image's configuration names one.
                candidates.append(
                    Candidate(descriptor: descriptor, names: ownNames, rank: descriptor.platform?.rank ?? 0))
            }
            guard candidates.count + refused.count <= Self.maxManifests else {
                throw .limitExceeded(what: "manifests", limit: UInt64(Self.maxManifests))
            }
        }
    }

    private func contents(of descriptor: ContentDescriptor, names: [String]) throws(OCIError) -> ImageContents {
        if let type = descriptor.mediaType, !MediaType.manifests.contains(type) {
            throw .unsupported(what: "the manifest type", value: type, expected: "an OCI or Docker image manifest")
        }
        let manifest = try container.document(ImageManifest.self, of: descriptor, what: "manifest", limits: limits)
        if let type = manifest.config.mediaType, !MediaType.configurations.contains(type) {
            throw .unsupported(what: "the configuration type", value: type, expected: "that of a container image")
        }
        let configuration = try container.document(
            ImageConfiguration.self, of: manifest.config, what: "configuration", limits: limits)
        guard configuration.platform.rank != nil else {
            throw .noPlatform(path: container.path, found: [configuration.platform.description])
        }
        try configuration.check(layerCount: manifest.layers.count, path: container.path)
        var layers: [ImageLayer] = []
        for (layer, diffID) in zip(manifest.layers, configuration.diffIDs) {
            if let type = layer.mediaType, !MediaType.isLayer(type) {
                throw .unsupported(
                    what: "the layer type", value: type, expected: "a tar archive, plain or with gzip or zstd")
            }
            let blob = try container.blob(layer, what: "the layer")
            layers.append(
                ImageLayer(blob: blob, name: "the layer \(layer.digest)", blobDigest: layer.digest, diffID: diffID))
        }
        return ImageContents(digest: manifest.config.digest, configuration: configuration, layers: layers, names: names)
    }

    /// containerd writes the whole name, others a name or a tag alone (OCI image spec 1.1, annotations.md).
    private static func names(_ descriptor: ContentDescriptor) -> [String] {
        let annotations = descriptor.annotations ?? [:]
        let name = annotations["io.containerd.image.name"] ?? annotations["org.opencontainers.image.ref.name"]
        return name.map { [$0] } ?? []
    }
}
