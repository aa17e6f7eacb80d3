import LinuxSystem
package import Runtime

/// Where the chunks of a template are in a registry: in packs, each a blob.
///
/// As bytes: `czpacks1`, the count of packs (4 bytes, least significant first), the length of the index of chunks (4), of
/// each pack its digest (32) and its size (4), the index of chunks, and for each of its chunks the number of its pack (4)
/// and its offset there (4).
package struct PackIndex: Equatable, Sendable {
    package struct Pack: Hashable, Sendable {
        package let digest: ChunkDigest
        /// In bytes.
        package let size: UInt32

        package init(digest: ChunkDigest, size: UInt32) {
            self.digest = digest
            self.size = size
        }
    }

    package struct Place: Equatable, Sendable {
        /// Its number in `packs`.
        package let pack: UInt32
        /// In bytes.
        package let offset: UInt32

        package init(pack: UInt32, offset: UInt32) {
            self.pack = pack
            self.offset = offset
        }
    }

    package let chunks: ChunkIndex
    package let packs: [Pack]
    /// One for each chunk, in their order.
    package let places: [Place]

    package init(chunks: ChunkIndex, packs: [Pack], places: [Place]) {
        precondition(chunks.chunks.count == places.count, "a place for each chunk")
        self.chunks = chunks
        self.packs = packs
        self.places = places
    }

    /// What a pack is filled to, in bytes: a request for a whole one takes a tenth of a second with 1 Gbit/s.
    package static let packSize = 4 << 20
    /// The largest pack that is read, in bytes.
    package static let maxPackSize: UInt32 = 16 << 20
    package static let maxPacks = 16 << 10

    private static let magic = Array("czpacks1".utf8)
    private static let headerSize = 8 + 4 + 4
    private static let packEntry = ChunkDigest.sizeInBytes + 4
    private static let placeEntry = 4 + 4
    /// The longest index, in bytes.
    package static let maxBytes =
        headerSize + maxPacks * packEntry + ChunkIndex.maxBytes + ChunkIndex.maxChunks * placeEntry

    package var bytes: [UInt8] {
        let index = chunks.bytes
        var bytes = Self.magic
        bytes.append(littleEndian: UInt32(packs.count))
        bytes.append(littleEndian: UInt32(index.count))
        for pack in packs {
            bytes += pack.digest.bytes
            bytes.append(littleEndian: pack.size)
        }
        bytes += index
        for place in places {
            bytes.append(littleEndian: place.pack)
            bytes.append(littleEndian: place.offset)
        }
        return bytes
    }

    /// Reads what somebody hostile may have written.
    package init(_ bytes: [UInt8]) throws(ArtifactError) {
        guard bytes.count >= Self.headerSize, bytes.starts(with: Self.magic) else {
            throw .invalid("the index of packs", "is none")
        }
        let (packCount, length) = (
            Int(bytes.littleEndianNumber(at: 8) as UInt32), Int(bytes.littleEndianNumber(at: 12) as UInt32)
        )
        let start = Self.headerSize + packCount * Self.packEntry
        guard packCount <= Self.maxPacks, length <= ChunkIndex.maxBytes, start + length <= bytes.count else {
            throw .invalid("the index of packs", "has \(bytes.count) bytes for \(packCount) packs and \(length) bytes")
        }
        do throws(ChunkIndexError) { chunks = try ChunkIndex(Array(bytes[start..<start + length])) } catch {
            throw .invalid("the index of packs", "\(error)")
        }
        guard bytes.count == start + length + chunks.chunks.count * Self.placeEntry else {
            throw .invalid("the index of packs", "has \(bytes.count) bytes for \(chunks.chunks.count) chunks")
        }
        var packs: [Pack] = []
        for entry in 0..<packCount {
            let at = Self.headerSize + entry * Self.packEntry
            let size: UInt32 = bytes.littleEndianNumber(at: at + ChunkDigest.sizeInBytes)
            guard let digest = ChunkDigest(bytes[at..<at + ChunkDigest.sizeInBytes]),
                (1...Self.maxPackSize).contains(size)
            else { throw .invalid("pack \(entry)", "has \(size) bytes, expected 1 to \(Self.maxPackSize)") }
            packs.append(Pack(digest: digest, size: size))
        }
        self.packs = packs
        places = try Self.places(bytes[(start + length)...], of: chunks, in: packs)
    }

    private static func places(
        _ bytes: ArraySlice<UInt8>, of chunks: ChunkIndex, in packs: [Pack]
    ) throws(ArtifactError) -> [Place] {
        let bytes = Array(bytes)
        var places: [Place] = []
        for (entry, chunk) in chunks.chunks.enumerated() {
            let place = Place(
                pack: bytes.littleEndianNumber(at: entry * placeEntry),
                offset: bytes.littleEndianNumber(at: entry * placeEntry + 4))
            let length = UInt64(chunks.range(of: chunk).count)
            guard place.pack < packs.count, UInt64(place.offset) + length <= packs[Int(place.pack)].size else {
                throw .invalid(
                    "the index of packs",
                    "has chunk \(chunk.number) at byte \(place.offset) of pack \(place.pack), where there is none")
            }
            places.append(place)
        }
        return places
    }
}

/// What is wrong with an artifact.
package enum ArtifactError: Error, CustomStringConvertible {
    /// What, and in what way.
    case invalid(String, String)

    package var description: String {
        switch self {
        case .invalid(let what, let why): "\(what) \(why)"
        }
    }
}
