import Hashing
import LinuxSystem

/// The name of a chunk: SHA-256 of its bytes. A value without memory of its own: an index has many.
package struct ChunkDigest: Hashable, Comparable, Sendable, CustomStringConvertible {
    package static let sizeInBytes = 32

    private let words: SIMD4<UInt64>

    /// Of 32 bytes; nil for another count.
    package init?(_ bytes: ArraySlice<UInt8>) {
        guard bytes.count == Self.sizeInBytes else { return nil }
        var words = SIMD4<UInt64>()
        for (place, byte) in bytes.enumerated() { words[place / 8] |= UInt64(byte) << UInt64(place % 8 * 8) }
        self.words = words
    }

    package init(of chunk: [UInt8]) {
        var words = SIMD4<UInt64>()
        for (place, byte) in SHA256.digest(of: chunk).enumerated() {
            words[place / 8] |= UInt64(byte) << UInt64(place % 8 * 8)
        }
        self.words = words
    }

    package var bytes: [UInt8] { (0..<4).flatMap { words[$0].littleEndianBytes } }

    /// As registries name contents.
    package var description: String { "sha256:\(hexadecimal(bytes))" }

    package static func < (one: ChunkDigest, other: ChunkDigest) -> Bool {
        one.bytes.lexicographicallyPrecedes(other.bytes)
    }
}
