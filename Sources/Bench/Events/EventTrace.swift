import Glibc
import LinuxSystem

/// When functions are called, how long they run and what memory they take: a day or less of it, in the layout of the Azure
/// Functions dataset of 2019 (Shahrad et al., "Serverless in the Wild", ATC'20). A value.
public struct EventTrace: Equatable, Sendable {
    public struct Function: Equatable, Sendable {
        /// HashOwner, HashApp and HashFunction of the dataset, joined.
        public var name: String
        /// Calls in each minute.
        public var callsByMinute: [Int]
        public var averageMilliseconds: Double
        public var memoryMegabytes: Double
    }

    public var functions: [Function]

    public var minutes: Int { functions.map(\.callsByMinute.count).max() ?? 0 }
    public var calls: Int { functions.reduce(0) { $0 + $1.callsByMinute.reduce(0, +) } }

    /// One that cannot be read.
    public struct Malformed: Error, CustomStringConvertible {
        public let description: String
    }

    private static let maxBytes = 512 << 20

    // MARK: The dataset's files

    /// Reads the file of invocations (`HashOwner,HashApp,HashFunction,Trigger,1,…,1440`), and those of durations and
    /// memory where they are beside it, by the dataset's names; what they do not say is 500 ms and 170 MB.
    ///
    /// - Parameters:
    ///   - path: of the file of invocations.
    ///   - limit: the first so many functions that are called within the minutes.
    ///   - minutes: of the day's beginning.
    public init(invocations path: String, functions limit: Int, minutes: Int) throws {
        let rows = try Self.rows(of: path)
        let durations = try Self.durations(path)
        let memory = try Self.memory(path)
        functions = []
        for (index, row) in rows.enumerated() where functions.count < limit {
            guard row.count >= 5 else {
                throw Malformed(description: "\(path):\(index + 2): expected 5 columns and more")
            }
            let calls = row.dropFirst(4).prefix(minutes).map { Int($0) ?? 0 }
            guard calls.contains(where: { $0 > 0 }) else { continue }
            functions.append(
                Function(
                    name: row[0..<3].joined(separator: "/"), callsByMinute: Array(calls),
                    averageMilliseconds: durations[row[0..<3].joined(separator: "/")] ?? 500,
                    memoryMegabytes: memory[row[0..<2].joined(separator: "/")] ?? 170))
        }
        guard !functions.isEmpty else {
            throw Malformed(description: "\(path): no function is called in its first \(minutes) minutes")
        }
    }

    /// Without the header; empty where there is no such file.
    private static func rows(of path: String) throws -> [[String]] {
        guard let bytes = try FileSystem.contents(of: path, atMost: maxBytes) else {
            throw Malformed(description: "there is no file \(path)")
        }
        return bytes.split(separator: UInt8(ascii: "\n")).dropFirst().map { line in
            String(decoding: line, as: UTF8.self).split(separator: ",", omittingEmptySubsequences: false).map(
                String.init)
        }
    }

    private static func neighbour(_ path: String, _ name: String) -> String? {
        let file = path.split(separator: "/").last.map(String.init) ?? path
        guard file.contains("invocations_per_function_md") else { return nil }
        let other = path.dropLast(file.count) + file.replacing("invocations_per_function_md", with: name)
        return isReadable(String(other)) ? String(other) : nil
    }

    /// Averages in milliseconds: `HashOwner,HashApp,HashFunction,Average,…`.
    private static func durations(_ path: String) throws -> [String: Double] {
        guard let file = neighbour(path, "function_durations_percentiles") else { return [:] }
        var found: [String: Double] = [:]
        for row in try rows(of: file) where row.count > 3 {
            found[row[0..<3].joined(separator: "/")] = Double(row[3])
        }
        return found
    }

    /// Averages in MB: `HashOwner,HashApp,SampleCount,AverageAllocatedMb,…`.
    private static func memory(_ path: String) throws -> [String: Double] {
        guard let file = neighbour(path, "app_memory_percentiles") else { return [:] }
        var found: [String: Double] = [:]
        for row in try rows(of: file) where row.count > 3 {
            found[row[0..<2].joined(separator: "/")] = Double(row[3])
        }
        return found
    }

    // MARK: One of the published shape

    /// Makes a trace whose functions are called, run and take memory as the dataset's: 45 % at most once an hour, 81 % at most
    /// once a minute, the others nearly all calls, in bursts; half run under a second, 96 % under a minute; half take at
    /// most 170 MB, 90 % at most 400. The same numbers give the same trace.
    public init(functions count: Int, minutes: Int, seed: UInt64) {
        var random = SplitMix(state: seed)
        functions = (0..<count).map { index in
            // Spread over the distribution, so that few functions have its shape too.
            let rank = (Double(index) + random.unit()) / Double(count)
            let rate = Self.quantile(rank, [(0, 0.001), (0.45, 1.0 / 60), (0.81, 1), (1, 40)])
            var burst = 0
            let calls = (0..<minutes).map { _ -> Int in
                if burst == 0, random.unit() < 0.05 { burst = 1 + Int(random.unit() * 3) }
                defer { burst = max(0, burst - 1) }
                return random.poisson(rate * (burst > 0 ? 4 : 0.85))
            }
            let duration = Self.quantile(random.unit(), [(0, 5), (0.5, 1000), (0.96, 60_000), (1, 120_000)])
            let memory = Self.quantile(random.unit(), [(0, 40), (0.5, 170), (0.9, 400), (1, 800)])
            return Function(
                name: "f\(index)", callsByMinute: calls, averageMilliseconds: duration, memoryMegabytes: memory)
        }
    }

    /// Between the points, logarithmically.
    private static func quantile(_ rank: Double, _ points: [(rank: Double, value: Double)]) -> Double {
        for (low, high) in zip(points, points.dropFirst()) where rank <= high.rank {
            let part = (rank - low.rank) / (high.rank - low.rank)
            return low.value * pow(high.value / low.value, part)
        }
        return points.last?.value ?? 0
    }

    /// The file of invocations.
    public var csv: String {
        let header =
            "HashOwner,HashApp,HashFunction,Trigger," + (1...max(1, minutes)).map(String.init).joined(separator: ",")
        let rows = functions.map { function in
            "o,\(function.name),\(function.name),http," + function.callsByMinute.map(String.init).joined(separator: ",")
        }
        return ([header] + rows).joined(separator: "\n") + "\n"
    }
}

/// Numbers that look random and are the same each time (Steele et al., "Fast Splittable Pseudorandom Number Generators").
struct SplitMix: RandomNumberGenerator {
    var state: UInt64

    mutating func next() -> UInt64 {
        state &+= 0x9E37_79B9_7F4A_7C15
        var word = state
        word = (word ^ (word >> 30)) &* 0xBF58_476D_1CE4_E5B9
        word = (word ^ (word >> 27)) &* 0x94D0_49BB_1331_11EB
        return word ^ (word >> 31)
    }

    /// From 0 up to 1.
    mutating func unit() -> Double { Double(next() >> 11) / Double(1 << 53) }

    /// Knuth's way, for small means; a sum of such for larger ones.
    mutating func poisson(_ mean: Double) -> Int {
        var (left, count) = (mean, 0)
        while left > 0 {
            let step = min(left, 10)
            let limit = exp(-step)
            var product = unit()
            while product > limit {
                count += 1
                product *= unit()
            }
            left -= step
        }
        return count
    }
}
