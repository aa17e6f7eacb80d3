/// Durations counted by their size, in buckets that never change; sums and counts never fall.
public struct Histogram: Equatable, Sendable {
    /// Upper bounds of the buckets in microseconds, rising; a last bucket, without a bound, has what is longer.
    public let bounds: [UInt64]
    /// How many fell into each bucket alone, the last without a bound: one more than `bounds`.
    public private(set) var counts: [UInt64]
    /// Of all durations, in microseconds.
    public private(set) var sum: UInt64

    /// No duration is taken for longer than this, in microseconds: eleven days. So no sum overflows, whatever was measured.
    public static let longest: UInt64 = 1_000_000_000_000

    public init(bounds: [UInt64]) {
        precondition(zip(bounds, bounds.dropFirst()).allSatisfy { $0 < $1 }, "a histogram's bounds rise")
        self.bounds = bounds
        counts = Array(repeating: 0, count: bounds.count + 1)
        sum = 0
    }

    /// Of counts from elsewhere; nil where they are not one more than the bounds.
    public init?(bounds: [UInt64], counts: [UInt64], sum: UInt64) {
        self.init(bounds: bounds)
        guard counts.count == self.counts.count else { return nil }
        self.counts = counts
        self.sum = sum
    }

    /// How many durations there are.
    public var count: UInt64 { counts.reduce(0, saturatingSum) }

    public mutating func observe(microseconds: UInt64) {
        let duration = min(microseconds, Self.longest)
        let bucket = bounds.firstIndex { duration <= $0 } ?? bounds.count
        counts[bucket] = saturatingSum(counts[bucket], 1)
        sum = saturatingSum(sum, duration)
    }
}

/// The sum, or the greatest number where it is greater: a counter that ran over would fall.
public func saturatingSum(_ one: UInt64, _ other: UInt64) -> UInt64 {
    let (sum, isOver) = one.addingReportingOverflow(other)
    return isOver ? .max : sum
}
