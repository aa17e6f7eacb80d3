import CNettle

/// SHA-256 of bytes as they come.
package struct SHA256 {
    private var context: sha256_ctx

    package init() {
        var fresh = sha256_ctx()
        // SAFETY: nettle fills the whole context, which is a local of ours.
        unsafe nettle_sha256_init(&fresh)
        context = fresh
    }

    package mutating func update(_ bytes: UnsafeRawBufferPointer) {
        // SAFETY: address and length are the buffer's own.
        unsafe nettle_sha256_update(&context, bytes.count, bytes.assumingMemoryBound(to: UInt8.self).baseAddress)
    }

    package mutating func update(_ bytes: [UInt8]) {
        // SAFETY: the buffer is used within the call.
        unsafe bytes.withUnsafeBytes { buffer in unsafe update(buffer) }
    }

    package mutating func update(_ text: String) { update(Array(text.utf8)) }

    /// Ends the computation and begins a new one: 32 bytes.
    package mutating func finish() -> [UInt8] {
        var bytes = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_SIZE))
        // SAFETY: the array has the 32 bytes that nettle fills.
        unsafe nettle_sha256_digest(&context, bytes.count, &bytes)
        return bytes
    }

    package static func digest(of bytes: [UInt8]) -> [UInt8] {
        var hash = SHA256()
        hash.update(bytes)
        return hash.finish()
    }
}

/// HMAC (RFC 2104) with SHA-256.
package enum HMAC {
    /// 32 bytes.
    package static func code(of message: [UInt8], key: [UInt8]) -> [UInt8] {
        var context = hmac_sha256_ctx()
        var bytes = [UInt8](repeating: 0, count: Int(SHA256_DIGEST_SIZE))
        // SAFETY: addresses and lengths are the arrays' own; the context is a local of ours.
        unsafe nettle_hmac_sha256_set_key(&context, key.count, key)
        unsafe nettle_hmac_sha256_update(&context, message.count, message)
        unsafe nettle_hmac_sha256_digest(&context, bytes.count, &bytes)
        return bytes
    }
}

/// Lower-case hexadecimal digits.
package func hexadecimal(_ bytes: some Sequence<UInt8>) -> String {
    let digits = Array("0123456789abcdef".utf8)
    return String(decoding: bytes.flatMap { [digits[Int($0 >> 4)], digits[Int($0 & 15)]] }, as: UTF8.self)
}
