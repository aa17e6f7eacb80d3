import Hashing
import LinuxSystem

/// What a template's memory file consists of: its chunks in their order. What is not named is zeros, and a hole.
///
/// As bytes: `czchunk1`, the memory's size (8 bytes, least significant first), the count (4), then of each chunk its number
/// (4) and its digest (32); behind them SHA-256 of all that.
package struct ChunkIndex: Equatable, Sendable {
    /// Of each chunk but a file's last, in bytes: what one request fetches in a millisecond, and what is alike between
    /// two images' files is rarely smaller.
    package static let chunkSize: UInt64 = 64 << 10
    /// A memory of 64 GiB.
    package static let maxChunks = 1 << 20

    package struct Chunk: Equatable, Sendable {
        /// Its offset in the memory file divided by `chunkSize`.
        package let number: UInt32
        package let digest: ChunkDigest

        package init(number: UInt32, digest: ChunkDigest) {
            self.number = number
            self.digest = digest
        }
    }

    /// Of the memory file, in bytes.
    package let memorySize: UInt64
    /// By ascending numbers, all within the memory's size.
    package let chunks: [Chunk]

    /// - `chunks`: as they are to be kept.
    package init(memorySize: UInt64, chunks: [Chunk]) {
        self.memorySize = memorySize
        self.chunks = chunks
    }

    /// Where a chunk of this index is in the memory file.
    package func range(of chunk: Chunk) -> Range<UInt64> {
        let start = UInt64(chunk.number) * Self.chunkSize
        return start..<min(memorySize, start + Self.chunkSize)
    }

    private static let magic = Array("czchunk1".utf8)
    private static let headerSize = 8 + 8 + 4
    private static let entrySize = 4 + ChunkDigest.sizeInBytes
    /// The longest index, in bytes.
    package static let maxBytes = headerSize + maxChunks * entrySize + ChunkDigest.sizeInBytes

    package var bytes: [UInt8] {
        var bytes = Self.magic
        bytes.append(littleEndian: memorySize)
        bytes.append(littleEndian: UInt32(chunks.count))
        for chunk in chunks {
            bytes.append(littleEndian: chunk.number)
            bytes += chunk.digest.bytes
        }
        return bytes + SHA256.digest(of: bytes)
    }

    /// Reads what somebody hostile may have written.
    package init(_ bytes: [UInt8]) throws(ChunkIndexError) {
        let end = bytes.count - ChunkDigest.sizeInBytes
        guard end >= Self.headerSize, bytes.starts(with: Self.magic) else { throw .noIndex }
        guard SHA256.digest(of: Array(bytes[..<end])).elementsEqual(bytes[end...]) else { throw .changed }
        memorySize = bytes.littleEndianNumber(at: 8)
        let count = Int(bytes.littleEndianNumber(at: 16) as UInt32)
        guard memorySize <= UInt64(Self.maxChunks) * Self.chunkSize else {
            throw .invalid("a memory of \(memorySize) bytes", expected: "at most \(Self.maxChunks) chunks")
        }
        guard count <= Self.maxChunks, end == Self.headerSize + count * Self.entrySize else {
            throw .invalid("\(count) chunks in \(bytes.count) bytes", expected: "as many as there is room for")
        }
        var chunks: [Chunk] = []
        chunks.reserveCapacity(count)
        for place in 0..<count {
            let start = Self.headerSize + place * Self.entrySize
            let number: UInt32 = bytes.littleEndianNumber(at: start)
            guard let digest = ChunkDigest(bytes[start + 4..<start + Self.entrySize]) else { throw .noIndex }
            guard chunks.last.map({ $0.number < number }) ?? true, UInt64(number) * Self.chunkSize < memorySize else {
                throw .invalid("chunk \(number)", expected: "ascending numbers within \(memorySize) bytes")
            }
            chunks.append(Chunk(number: number, digest: digest))
        }
        self.chunks = chunks
    }
}

/// What is wrong with an index of chunks.
package enum ChunkIndexError: Error, CustomStringConvertible {
    case noIndex
    /// Its checksum is another's.
    case changed
    case invalid(String, expected: String)

    package var description: String {
        switch self {
        case .noIndex: "it is no index of chunks"
        case .changed: "the index of chunks has changed since it was written"
        case .invalid(let value, let expected): "the index of chunks has \(value), expected \(expected)"
        }
    }
}
