import Runtime
import TemplateRegistry

extension TemplateCommand {
    /// What is known of a template's chunks, as the JSON of `czone template show` has it.
    struct Chunks: Encodable {
        /// A repository that has some of them.
        struct Presence: Encodable {
            var repository: String
            var chunks: Int
        }

        var count: Int
        /// Of those that other templates of this host have too.
        var shared: Int
        /// What they have, in bytes; the rest of the memory is holes.
        var bytes: UInt64
        /// What is free again when the template is removed.
        var ownBytes: UInt64
        /// As far as this host has pushed or pulled.
        var registries: [Presence]
        /// Where the template was pulled from; left out: it was made here.
        var source: String?

        /// Nil where it has not been cut into chunks, or has just gone.
        init?(of entry: TemplateStore.Entry, in store: TemplateStore) throws(RuntimeError) {
            guard let index = try store.chunks(of: entry.name) else { return nil }
            let (others, stored) = (
                try store.places(except: entry.name), try store.storedBytes(of: store.entries())
            )
            count = index.chunks.count
            shared = index.chunks.count { others[$0.digest] != nil }
            bytes = index.chunks.reduce(0) { $0 + UInt64(index.range(of: $1).count) }
            ownBytes = stored.own(entry.name)
            registries = KnownPacks.presence(of: index, in: store).map {
                Presence(repository: $0.repository, chunks: $0.chunks)
            }
            source = try store.origin(of: entry.name).map { "\($0.reference)@\($0.manifest)" }
        }

        /// As `czone template show` prints it.
        var lines: [(String, String)] {
            let places = registries.map { "\($0.chunks) in \($0.repository)" }
            return [
                ("chunks", "\(count) (\(ByteSize(bytes: bytes))), \(shared) of them shared with other templates"),
                ("alone", "\(ByteSize(bytes: ownBytes)) of the disk"),
                ("chunks are", (["here"] + places).joined(separator: ", ")), ("pulled from", source ?? ""),
            ]
        }
    }
}
