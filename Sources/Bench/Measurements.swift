/// Several measurements of the same thing, in milliseconds.
public struct Measurements: Sendable {
    public private(set) var runs: [Double] = []

    /// In the order in which they were made.
    public init(_ runs: [Double] = []) { self.runs = runs }

    public mutating func add(_ milliseconds: Double) { runs.append(milliseconds) }

    public var median: Double { percentile(50) }

    /// The smallest run that so many percent of the runs do not exceed (nearest rank); 0 where there is none.
    public func percentile(_ percent: Int) -> Double {
        guard !runs.isEmpty else { return 0 }
        let rank = max(1, (runs.count * percent + 99) / 100)
        return runs.sorted()[min(rank, runs.count) - 1]
    }
}
