/// Concurrency over time, by the second: what each second had on average, as far back as a window reaches. A pure value;
/// times are milliseconds of a clock that never goes back.
struct ConcurrencyWindow: Equatable, Sendable {
    static let bucketLength: Int64 = 1000

    private struct Bucket: Equatable, Sendable {
        /// In bucket lengths.
        var number: Int64
        /// Requests times milliseconds.
        var integral: Double
    }

    private let length: Int64
    private var buckets: [Bucket] = []
    private var startedAt: Int64?

    init(length: Int64) { self.length = length }

    /// Notes that so many requests were there from one time to the next.
    mutating func record(_ concurrency: Double, from start: Int64, to end: Int64) {
        guard end > start else { return }
        if startedAt == nil { startedAt = start }
        // What lies before the window counts no more.
        var from = max(start, end - length)
        while from < end {
            let number = from / Self.bucketLength
            let to = min(end, (number + 1) * Self.bucketLength)
            add(concurrency * Double(to - from), to: number)
            from = to
        }
        let oldest = (end - length) / Self.bucketLength
        buckets.removeAll { $0.number < oldest }
    }

    private mutating func add(_ integral: Double, to number: Int64) {
        if let last = buckets.last, last.number == number {
            buckets[buckets.count - 1].integral += integral
        } else {
            buckets.append(Bucket(number: number, integral: integral))
        }
    }

    /// The average over the window, or since the beginning where that is shorter.
    func average(at now: Int64, over span: Int64? = nil) -> Double {
        guard let startedAt else { return 0 }
        let span = min(span ?? length, max(now - startedAt, Self.bucketLength))
        let first = (now - span) / Self.bucketLength
        let integral = buckets.reduce(0.0) {
            $1.number > first || $1.number * Self.bucketLength >= now - span ? $0 + $1.integral : $0
        }
        return integral / Double(span)
    }
}
