import Glibc
import LinuxSystem
package import OCI
package import Runtime
package import TemplateRegistry

/// Fetches a template from a repository into the store. It is there whole, each chunk checked, or not at all.
package struct TemplatePull {
    /// What a pull came to.
    package struct Result: Sendable {
        package let name: String
        package let isNew: Bool
        package var chunks = 0
        /// Chunks that templates of this host had.
        package var chunksHere = 0
        /// Of chunks; what belongs to them is some hundred KiB.
        package var bytesFetched = 0
    }

    /// Which template is to become of what is fetched.
    package enum Wanted {
        /// The one that this host looks for by a key; it is of nothing else.
        case key(TemplateKey)
        /// Whichever it is, where it is of VMs of this host.
        case any(Placement, ImageStore)
    }

    private let client: RegistryClient
    private let store: TemplateStore
    private let limit: UInt64

    /// - Parameter limit: what all templates may take, in bytes.
    package init(from client: RegistryClient, into store: TemplateStore, limit: UInt64) {
        self.client = client
        self.store = store
        self.limit = limit
    }

    package func pull(_ reference: RegistryReference, _ wanted: Wanted) throws(TransferError) -> Result {
        let (bytes, digest) = try client.manifest(reference)
        let manifest = try transferring { try TemplateManifest(bytes) }
        let read = try client.blob(
            manifest.configuration.digest, size: manifest.configuration.size, what: "the template's configuration")
        let configuration = try transferring { try TemplateConfiguration(read) }
        let key = try key(for: configuration, wanted)
        if try transferring({ try store.refusedManifest(for: key) }) == digest.description, case .key = wanted {
            throw .invalid("no VM of this host could be restored from \(reference)@\(digest) before")
        }
        if try transferring({ try store.contains(key) }) { return Result(name: key.directoryName, isNew: false) }
        let index = try index(of: manifest, configuration)
        let origin = TemplateOrigin(reference: reference.description, manifest: digest.description)
        var result = Result(name: key.directoryName, isNew: true)
        let isNew = try transferring {
            try store.insert(key) { (directory) throws(RuntimeError) in
                do throws(TransferError) {
                    result = try fill(directory, manifest, configuration, index, result)
                } catch {
                    // The store knows its own errors alone.
                    throw .invalid(error.description)
                }
                try origin.write(into: directory, stateIdentity: configuration.stateIdentity)
            }
        }
        KnownPacks(client.repository, in: store).add(index)
        try transferring { try store.evict(toBytes: limit, keeping: key) }
        return isNew ? result : Result(name: key.directoryName, isNew: false)
    }

    /// The key of the template, if it is of what this host's VMs are of.
    private func key(
        for configuration: TemplateConfiguration, _ wanted: Wanted
    ) throws(TransferError) -> TemplateKey {
        let theirs = PortableIdentity(configuration.identity)
        let key =
            switch wanted {
            case .key(let key): key
            case .any(let placement, let images):
                try transferring { try configuration.record.key(of: theirs, by: placement, in: images) }
            }
        let ours = try transferring { try store.portableIdentity(of: key) }
        if let (own, other) = ours.difference(from: theirs) { throw .mismatch(own: own, other: other) }
        return key
    }

    private func index(
        of manifest: TemplateManifest, _ configuration: TemplateConfiguration
    ) throws(TransferError) -> PackIndex {
        guard let blob = manifest[.index] else { throw .missing(what: "index of packs") }
        let bytes = try client.blob(blob.digest, size: blob.size, what: "the index of packs")
        let index = try transferring { try PackIndex(bytes) }
        let listed = Set(manifest.layers.filter { [.pack, .workingSetPack].contains($0.kind) }.map(\.digest))
        for pack in index.packs where !listed.contains(pack.blobDigest) {
            throw .artifact(.invalid("the manifest", "does not have the pack \(pack.digest), which the index has"))
        }
        let taken = UInt64(index.chunks.chunks.count) * ChunkIndex.chunkSize
        guard index.chunks.memorySize == configuration.record.memoryInBytes else {
            throw .artifact(
                .invalid(
                    "the index of packs",
                    "is of \(index.chunks.memorySize) bytes of memory, expected \(configuration.record.memoryInBytes)"))
        }
        guard taken <= limit else {
            throw .invalid("the template takes \(taken) bytes, and template-limit is \(limit): it would not stay")
        }
        return index
    }

    private func fill(
        _ directory: String, _ manifest: TemplateManifest, _ configuration: TemplateConfiguration, _ index: PackIndex,
        _ result: Result
    ) throws(TransferError) -> Result {
        for (kind, name) in [(TemplateManifest.Kind.state, "state"), (.workingSet, "working-set")] {
            guard let blob = manifest[kind] else { continue }
            let bytes = try client.blob(blob.digest, size: blob.size, what: "the template's \(name)")
            try write(bytes, to: "\(directory)/\(name)")
        }
        let memory = try transferring {
            try OwnedDescriptor(opening: "\(directory)/memory", flags: O_RDWR | O_CREAT | O_EXCL)
        }
        let fetch = ChunkFetch(from: client, into: memory)
        try transferring { try memory.setSize(index.chunks.memorySize) }
        let missing = try fetch.takeLocal(index.chunks, try transferring { try store.places() })
        var result = result
        result.chunks = index.chunks.chunks.count
        result.chunksHere = result.chunks - missing.count
        result.bytesFetched = try fetch.fetch(missing, of: index)
        try transferring {
            try FileBlocks(of: memory).setModified(configuration.memoryModified)
            try memory.writeOut()
            try memory.setMode(0o444)
            try TemplateStore.write(configuration.record, to: "\(directory)/template.json")
        }
        try write(index.chunks.bytes, to: "\(directory)/\(TemplateStore.indexName)")
        return result
    }

    private func write(_ bytes: [UInt8], to path: String) throws(TransferError) {
        try transferring {
            let file = try OwnedDescriptor(opening: path, flags: O_WRONLY | O_CREAT | O_EXCL)
            try file.write(all: bytes)
            try file.writeOut()
            try file.setMode(0o444)
        }
    }
}
