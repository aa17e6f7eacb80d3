import OCI
package import Runtime
package import TemplateRegistry

extension PackIndex {
    /// Numbers of the packs of which a template has chunks of its working set only.
    package func packsWithin(_ workingSet: Set<UInt32>) -> Set<Int> {
        var numbers = Set(packs.indices)
        for (chunk, place) in zip(chunks.chunks, places) where !workingSet.contains(chunk.number) {
            numbers.remove(Int(place.pack))
        }
        return numbers
    }
}

/// Which packs the chunks of a template go to: those that the repository has already, and fresh ones for the others.
package struct PackPlan {
    /// Chunks of the index that become a pack, by their places there.
    package struct Fresh: Equatable {
        package let chunks: [Int]
        /// They are written by each VM until it is ready.
        package let isWorkingSet: Bool
    }

    /// Chunks that packs of the repository have: in which, and where.
    package private(set) var known: [Int: (pack: PackIndex.Pack, offset: UInt32)] = [:]
    package private(set) var fresh: [Fresh] = []

    /// - Parameters:
    ///   - chunks: the template's.
    ///   - workingSet: numbers of its chunks that come first.
    ///   - indices: what the repository has. The one that has most of the template's chunks is taken first, so that
    ///     these are in few packs, and the same template comes to the same packs again.
    ///   - isThere: whether the repository has a pack still.
    package init(
        _ chunks: ChunkIndex, workingSet: Set<UInt32>, indices: [PackIndex],
        isThere: (PackIndex.Pack) throws(TransferError) -> Bool
    ) throws(TransferError) {
        let wanted = Set(chunks.chunks.map(\.digest))
        let byUse = indices.map { index in (index, index.chunks.chunks.count { wanted.contains($0.digest) }) }
            .filter { $0.1 > 0 }.enumerated().sorted { ($1.element.1, $0.offset) < ($0.element.1, $1.offset) }
        var places: [ChunkDigest: (pack: PackIndex.Pack, offset: UInt32)] = [:]
        var presence: [PackIndex.Pack: Bool] = [:]
        for (index, _) in byUse.map(\.element) {
            for (chunk, place) in zip(index.chunks.chunks, index.places) {
                guard wanted.contains(chunk.digest), places[chunk.digest] == nil else { continue }
                let pack = index.packs[Int(place.pack)]
                if presence[pack] == nil { presence[pack] = try isThere(pack) }
                if presence[pack] == true { places[chunk.digest] = (pack, place.offset) }
            }
        }
        var (first, others): ([Int], [Int]) = ([], [])
        var planned: Set<ChunkDigest> = []
        for (place, chunk) in chunks.chunks.enumerated() {
            if let known = places[chunk.digest] {
                self.known[place] = known
            } else if planned.insert(chunk.digest).inserted {
                if workingSet.contains(chunk.number) { first.append(place) } else { others.append(place) }
            }
        }
        fresh = Self.packs(of: first, isWorkingSet: true) + Self.packs(of: others, isWorkingSet: false)
    }

    private static func packs(of chunks: [Int], isWorkingSet: Bool) -> [Fresh] {
        let most = PackIndex.packSize / Int(ChunkIndex.chunkSize)
        return stride(from: 0, to: chunks.count, by: most).map { start in
            Fresh(chunks: Array(chunks[start..<min(start + most, chunks.count)]), isWorkingSet: isWorkingSet)
        }
    }

    /// The index, when the fresh packs have been made.
    ///
    /// - Parameter made: one for each of `fresh`.
    package func index(of chunks: ChunkIndex, made: [PackIndex.Pack]) -> PackIndex {
        var places: [ChunkDigest: (pack: PackIndex.Pack, offset: UInt32)] = [:]
        for (place, known) in known { places[chunks.chunks[place].digest] = known }
        for (fresh, pack) in zip(fresh, made) {
            var offset: UInt32 = 0
            for place in fresh.chunks {
                let chunk = chunks.chunks[place]
                places[chunk.digest] = (pack, offset)
                offset += UInt32(chunks.range(of: chunk).count)
            }
        }
        var (packs, numbers): ([PackIndex.Pack], [PackIndex.Pack: UInt32]) = ([], [:])
        let found = chunks.chunks.compactMap { places[$0.digest] }.map { place in
            let number = numbers[place.pack] ?? UInt32(packs.count)
            if numbers.updateValue(number, forKey: place.pack) == nil { packs.append(place.pack) }
            return PackIndex.Place(pack: number, offset: place.offset)
        }
        return PackIndex(chunks: chunks, packs: packs, places: found)
    }
}
