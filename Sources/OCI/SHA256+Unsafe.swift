import CNettle

/// SHA-256 of bytes as they come.
struct SHA256 {
    private var context: sha256_ctx

    init() {
        var fresh = sha256_ctx()
        // SAFETY: nettle fills the whole context, which is a local of ours.
        unsafe nettle_sha256_init(&fresh)
        context = fresh
    }

    mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // SAFETY: address and length are the buffer's own.
        unsafe nettle_sha256_update(&context, bytes.count, bytes.assumingMemoryBound(to: UInt8.self).baseAddress)
    }

    mutating func update(_ bytes: [UInt8]) {
        // SAFETY: the buffer is used within the call.
        unsafe bytes.withUnsafeBytes { buffer in unsafe update(buffer) }
    }

    mutating func update(_ text: String) { update(Array(text.utf8)) }

    /// Ends the computation and begins a new one.
    mutating func finish() -> Digest {
        var bytes = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_SIZE))
        // SAFETY: the array has the 32 bytes that nettle is told to fill.
        unsafe nettle_sha256_digest(&context, bytes.count, &bytes)
        return Digest(bytes: bytes)
    }

    static func digest(of bytes: [UInt8]) -> Digest {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }
}
