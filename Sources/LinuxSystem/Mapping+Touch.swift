extension Mapping {
    /// Writes to each page of a part of a writable mapping, so that each has memory of its own.
    ///
    /// - Parameter part: bytes of the mapping; what lies beyond its end is left out.
    public func touch(_ part: Range<Int>) {
        for offset in stride(from: max(0, part.lowerBound), to: min(sizeInBytes, part.upperBound), by: 4096) {
            // SAFETY: the offset lies within the mapping, which lives as long as this object.
            unsafe address.storeBytes(of: 1, toByteOffset: offset, as: UInt8.self)
        }
    }
}
