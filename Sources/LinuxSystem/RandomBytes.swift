import CLinux

/// Random bytes of the host's kernel (getrandom(2)).
public enum RandomBytes {
    /// `count` of them, 256 at most: such a request is never cut short.
    public static func bytes(_ count: Int) -> [UInt8] {
        precondition(count <= 256)
        return unsafe [UInt8](unsafeUninitializedCapacity: count) { buffer, filled in
            // SAFETY: address and capacity are the buffer's own.
            while unsafe getrandom(buffer.baseAddress, count, 0) != count {}
            filled = count
        }
    }
}
