extension CString {
    /// Calls `body` with the bytes as C has them, ended by a zero; they live for the call.
    @unsafe func withPointer<Result>(_ body: (UnsafePointer<CChar>) -> Result) -> Result {
        let terminated = bytes.map { CChar(bitPattern: $0) } + [0]
        // SAFETY: address and length are the array's own, which is not empty.
        return unsafe terminated.withUnsafeBufferPointer { buffer in
            guard let address = buffer.baseAddress else { return unsafe body("") }
            return unsafe body(address)
        }
    }
}

extension ArraySlice<UInt8> {
    /// Whether the bytes begin with a text.
    func starts(with text: StaticString) -> Bool {
        guard count >= text.utf8CodeUnitCount else { return false }
        // SAFETY: a static string has as many bytes as it says, for ever.
        return unsafe elementsEqualPrefix(
            UnsafeBufferPointer(start: text.utf8Start, count: text.utf8CodeUnitCount))
    }

    private func elementsEqualPrefix(_ other: UnsafeBufferPointer<UInt8>) -> Bool {
        // SAFETY: the index stays below the other's count, and below ours, which is no less.
        var index = 0
        while index < other.count {
            if unsafe self[startIndex + index] != other[index] { return false }
            index += 1
        }
        return true
    }
}
