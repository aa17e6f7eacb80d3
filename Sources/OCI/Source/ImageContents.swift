import LinuxSystem

/// An image as it was found in an archive or a layout: what it is, and where its layers lie. Its documents' digests have
/// been checked, its layers' have not.
struct ImageContents {
    /// The configuration's digest: it names every layer too, and is the same whichever way the layers are compressed.
    let digest: Digest
    let configuration: ImageConfiguration
    /// The lowest first.
    let layers: [ImageLayer]
    /// What the archive calls it.
    let names: [String]
}

/// A layer and what it is promised to be.
struct ImageLayer {
    let blob: ByteRegion
    /// How errors name it.
    let name: String
    /// The digest of the blob; nil when nobody has given one, as in docker archives.
    let blobDigest: Digest?
    /// The digest of the uncompressed layer.
    let diffID: Digest

    func verify(blob found: Digest, plain: Digest) throws(OCIError) {
        if let blobDigest, found != blobDigest {
            throw .digestMismatch(what: name, expected: blobDigest, actual: found)
        }
        guard plain == diffID else {
            throw .digestMismatch(what: "\(name), unpacked,", expected: diffID, actual: plain)
        }
    }
}

extension ImageContents {
    /// Finds the image for linux/amd64 in an archive or a directory.
    ///
    /// - Parameter name: which one, when there are several.
    init(_ container: ImageContainer, name: String?, limits: ImportLimits) throws(OCIError) {
        if try container.file("oci-layout") != nil {
            let index = try container.document(ImageIndex.self, at: "index.json", limits: limits)
            guard let index else { throw .missing(what: "index.json", in: container.path) }
            self = try ManifestChoice(container, limits: limits).contents(of: index, name: name)
        } else if let images = try container.document([DockerArchiveImage].self, at: "manifest.json", limits: limits) {
            try self.init(dockerArchive: images, container, name: name, limits: limits)
        } else {
            throw .notAnImage(
                path: container.path,
                reason:
                    "it has neither an oci-layout (OCI) nor a manifest.json (docker archive); a root file system is dir:DIRECTORY"
            )
        }
    }

    private init(
        dockerArchive images: [DockerArchiveImage], _ container: ImageContainer, name: String?, limits: ImportLimits
    ) throws(OCIError) {
        let chosen = images.filter { image in name.map { image.repoTags?.contains($0) ?? false } ?? true }
        guard let image = chosen.first, chosen.count == 1 else {
            if chosen.isEmpty, let name { throw .missing(what: "the image \(quoted(name))", in: container.path) }
            if chosen.isEmpty { throw .notAnImage(path: container.path, reason: "its manifest.json lists no image") }
            throw .severalImages(path: container.path, names: images.flatMap { $0.repoTags ?? [] })
        }
        guard let file = try container.file(image.config) else {
            throw .missing(what: "the configuration \(quoted(image.config))", in: container.path)
        }
        let bytes = try file.bytes(limit: limits.documentInBytes, what: image.config)
        digest = Digest(of: bytes)
        // docker save names the file by its digest.
        let stem = image.config.split(separator: "/").last.map { $0.hasSuffix(".json") ? $0.dropLast(5) : $0 }
        if let stem, let promised = Digest(hex: stem), promised != digest {
            throw .digestMismatch(what: "the configuration \(quoted(image.config))", expected: promised, actual: digest)
        }
        configuration = try JSON.decode(
            ImageConfiguration.self, from: bytes, what: "the configuration \(quoted(image.config))")
        guard configuration.platform.rank != nil else {
            throw .noPlatform(path: container.path, found: [configuration.platform.description])
        }
        try configuration.check(layerCount: image.layers.count, path: container.path)
        var layers: [ImageLayer] = []
        for (path, diffID) in zip(image.layers, configuration.diffIDs) {
            guard let blob = try container.file(path) else {
                throw .missing(what: "the layer \(quoted(path))", in: container.path)
            }
            layers.append(ImageLayer(blob: blob, name: "the layer \(quoted(path))", blobDigest: nil, diffID: diffID))
        }
        self.layers = layers
        names = image.repoTags ?? []
    }
}

extension ImageConfiguration {
    func check(layerCount: Int, path: String) throws(OCIError) {
        let type = rootfs.type ?? ""
        guard type == "layers" || type.isEmpty else {
            throw .unsupported(what: "a root file system of type", value: type, expected: "layers")
        }
        guard diffIDs.count == layerCount else {
            throw .malformed(
                what: "the image \(quoted(path))",
                reason: "its manifest has \(layerCount) layers, its configuration \(diffIDs.count)")
        }
    }
}
