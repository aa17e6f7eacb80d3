import Glibc
import LinuxSystem
package import OCI
package import Runtime
import SystemPackage

/// Which packs repositories have, as far as this host has seen: the indices of what was pushed to them, or pulled.
///
///     <templates>/repositories/<digest of its name>/name           the repository's name
///     <templates>/repositories/<digest of its name>/<digest>       an index of packs, by its digest
///
/// A help only: what is missing is sent again, and a registry is asked whether it has a pack still.
package struct KnownPacks: Sendable {
    /// More indices of one repository, those first that were seen longest ago, are forgotten.
    private static let maxIndices = 64

    private let root: String
    private let repository: Repository

    package init(_ repository: Repository, in store: TemplateStore) {
        let name = Digest(of: Array(repository.description.utf8)).hex.prefix(32)
        self.repository = repository
        root = "\(store.root)/repositories/\(name)"
    }

    package func contains(_ index: Digest) -> Bool { (try? FileSystem.status("\(root)/\(index.hex)")) != nil }

    package func add(_ index: PackIndex) {
        // Without it a pack is sent twice.
        try? FileSystem.makeDirectories(FilePath(root))
        try? FileSystem.replace("\(root)/name", with: Array(repository.description.utf8))
        let bytes = index.bytes
        try? FileSystem.replace("\(root)/\(Digest(of: bytes).hex)", with: bytes)
        forgetOldest()
    }

    private func forgetOldest() {
        let names = Self.indexNames(in: root).map { name in
            (name: name, modified: (try? FileSystem.status("\(root)/\(name)"))?.modified ?? 0)
        }
        for (name, _) in names.sorted(by: { $0.modified > $1.modified }).dropFirst(Self.maxIndices) {
            try? FileSystem.removeFile("\(root)/\(name)")
        }
    }

    /// Every index that is whole, in a stable order.
    package func indices() -> [PackIndex] { Self.indices(in: root) }

    private static func indexNames(in root: String) -> [String] {
        ((try? FileSystem.names(in: root)) ?? []).filter { Digest(hex: $0) != nil }
    }

    private static func indices(in root: String) -> [PackIndex] {
        indexNames(in: root).sorted().compactMap { name in
            guard let bytes = try? FileSystem.contents(of: "\(root)/\(name)", atMost: PackIndex.maxBytes),
                Digest(of: bytes).hex == name
            else { return nil }
            return try? PackIndex(bytes)
        }
    }

    /// How many of an index's chunks each repository has, by its name.
    package static func presence(of index: ChunkIndex, in store: TemplateStore) -> [(repository: String, chunks: Int)] {
        let directory = "\(store.root)/repositories"
        return ((try? FileSystem.names(in: directory)) ?? []).sorted().compactMap { name in
            guard let bytes = try? FileSystem.contents(of: "\(directory)/\(name)/name", atMost: 1024) else {
                return nil
            }
            let known = Set(indices(in: "\(directory)/\(name)").flatMap { $0.chunks.chunks.map(\.digest) })
            let count = index.chunks.count { known.contains($0.digest) }
            return count == 0 ? nil : (String(decoding: bytes, as: UTF8.self), count)
        }
    }
}
