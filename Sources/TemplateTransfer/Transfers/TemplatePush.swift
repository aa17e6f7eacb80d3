import Glibc
import LinuxSystem
package import OCI
package import Runtime
package import TemplateRegistry

/// Sends a template to a repository: what is there already is not sent again.
package struct TemplatePush {
    /// What a push came to.
    package struct Result: Sendable {
        package let reference: RegistryReference
        package var chunks = 0
        /// Chunks that packs of the repository had.
        package var chunksThere = 0
        package var blobsSent = 0
        package var bytesSent = 0
    }

    /// Tags of others that are looked at for packs that the repository has.
    private static let maxTags = 16

    private let client: RegistryClient
    private let store: TemplateStore
    private let known: KnownPacks

    package init(to client: RegistryClient, from store: TemplateStore) {
        self.client = client
        self.store = store
        known = KnownPacks(client.repository, in: store)
    }

    /// - Parameters:
    ///   - name: the template's.
    ///   - tag: nil: the one by which a host that has no such template looks for it.
    package func push(_ name: String, tag: String?) throws(TransferError) -> Result {
        let source = try transferring { try Source(name, in: store) }
        let tag = tag ?? source.identity.tag
        try learn()
        let plan = try PackPlan(
            source.chunks, workingSet: source.workingSetChunks, indices: known.indices()
        ) { pack throws(TransferError) in try client.has(pack.blobDigest) }
        var result = Result(reference: RegistryReference(repository: client.repository, tag: tag))
        result.chunks = source.chunks.chunks.count
        result.chunksThere = plan.known.count
        let packs = try plan.fresh.map { fresh throws(TransferError) in
            let bytes = try transferring { try source.bytes(of: fresh.chunks) }
            let pack = PackIndex.Pack(digest: ChunkDigest(of: bytes), size: UInt32(bytes.count))
            try send(bytes, pack.blobDigest, &result)
            return pack
        }
        let index = plan.index(of: source.chunks, made: packs)
        let manifest = try sendRest(of: source, index, &result)
        try client.putManifest(manifest, tag: tag)
        known.add(index)
        var named = Result(
            reference: RegistryReference(repository: client.repository, tag: tag, digest: Digest(of: manifest)))
        (named.chunks, named.chunksThere) = (result.chunks, result.chunksThere)
        (named.blobsSent, named.bytesSent) = (result.blobsSent, result.bytesSent)
        return named
    }

    private func send(_ bytes: [UInt8], _ digest: Digest, _ result: inout Result) throws(TransferError) {
        guard try client.upload(bytes, digest) else { return }
        result.blobsSent += 1
        result.bytesSent += bytes.count
    }

    /// All but the packs; the manifest's bytes.
    private func sendRest(
        of source: Source, _ index: PackIndex, _ result: inout Result
    ) throws(TransferError) -> [UInt8] {
        let configuration = try transferring { try JSONText.bytes(of: source.configuration) }
        var layers: [TemplateManifest.Blob] = []
        for (kind, bytes) in [
            (TemplateManifest.Kind.state, source.state), (.workingSet, source.workingSet), (.index, index.bytes),
        ] {
            guard let bytes else { continue }
            layers.append(TemplateManifest.Blob(kind, bytes))
            try send(bytes, Digest(of: bytes), &result)
        }
        try send(configuration, Digest(of: configuration), &result)
        let first = index.packsWithin(source.workingSetChunks)
        for (number, pack) in index.packs.enumerated() {
            layers.append(
                TemplateManifest.Blob(
                    first.contains(number) ? .workingSetPack : .pack, digest: pack.blobDigest, size: Int(pack.size)))
        }
        let manifest = TemplateManifest(
            configuration: TemplateManifest.Blob(.configuration, configuration), layers: layers,
            image: source.configuration.record.image)
        return try transferring { try manifest.bytes() }
    }

    /// Finds out which packs others have sent to the repository. What makes no sense there, or cannot be read, is of no
    /// use, and no obstacle.
    private func learn() throws(TransferError) {
        for tag in try client.tags(atMost: Self.maxTags) {
            let reference = RegistryReference(repository: client.repository, tag: tag)
            guard let found = try? client.manifest(reference), let manifest = try? TemplateManifest(found.bytes),
                let blob = manifest[.index], !known.contains(blob.digest),
                let bytes = try? client.blob(blob.digest, size: blob.size, what: "the index of \(reference)"),
                let index = try? PackIndex(bytes)
            else { continue }
            known.add(index)
        }
    }
}

extension PackIndex.Pack {
    /// Its name in a registry.
    package var blobDigest: Digest { Digest(bytes: digest.bytes) }
}

extension TemplatePush {
    /// A template of the store, which stays there as long as this lives.
    private struct Source {
        let chunks: ChunkIndex
        let identity: PortableIdentity
        let configuration: TemplateConfiguration
        let state: [UInt8]
        let workingSet: [UInt8]?
        /// Numbers of chunks.
        let workingSetChunks: Set<UInt32>
        private let memory: OwnedDescriptor

        init(_ name: String, in store: TemplateStore) throws {
            guard let key = try store.key(of: name), let lease = try store.lease(key),
                let record = try store.record(of: name), let chunks = try store.cut(name)
            else {
                throw RuntimeError.invalid(
                    "the template \(name) is not as this version makes them: remove it, and have it made anew")
            }
            identity = try store.portableIdentity(of: key)
            configuration = TemplateConfiguration(
                identity: identity, stateIdentity: lease.identity,
                memoryModified: try lease.descriptor.status().modified, record: record)
            memory = lease.descriptor
            self.chunks = chunks
            let read = { (name: String, kind: TemplateManifest.Kind) in
                try FileSystem.contents(of: "\(lease.directory)/\(name)", atMost: kind.maxBytes)
            }
            state = try read("state", .state) ?? []
            workingSet = try read("working-set", .workingSet)
            workingSetChunks = WorkingSetChunks.numbers(workingSet ?? [])
        }

        /// The bytes of a pack. What has changed since it was cut is not sent.
        func bytes(of places: [Int]) throws -> [UInt8] {
            var bytes: [UInt8] = []
            for place in places {
                let chunk = chunks.chunks[place]
                let range = chunks.range(of: chunk)
                let read = try memory.read(exactly: range.count, at: range.lowerBound)
                guard ChunkDigest(of: read) == chunk.digest else {
                    throw RuntimeError.invalid("the template's memory has changed since it was written: it is damaged")
                }
                bytes += read
            }
            return bytes
        }
    }
}
