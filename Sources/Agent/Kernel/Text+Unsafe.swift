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
