/// Metrics as text for Prometheus (text exposition format 0.0.4,
/// https://prometheus.io/docs/instrumenting/exposition_formats): families one after the other, each with its help, its
/// type and its samples.
public struct Exposition: Sendable {
    /// What HTTP calls the text.
    public static let contentType = "text/plain; version=0.0.4; charset=utf-8"

    public enum Kind: String, Sendable {
        /// Never falls while what it is about lives; its name ends with `_total`.
        case counter
        case gauge
        case histogram
    }

    public private(set) var bytes: [UInt8] = []

    public init() {}

    /// Writes one family.
    ///
    /// - Parameters:
    ///   - name: `czone_…`, with its unit: `_bytes`, `_seconds`; of a counter with `_total`.
    ///   - kind: what its values are.
    ///   - help: a sentence for people.
    ///   - samples: adds the samples. A family without any is left out.
    public mutating func family(
        _ name: StaticString, _ kind: Kind, _ help: StaticString, _ samples: (inout Family) -> Void
    ) {
        var family = Family(name: Array("\(name)".utf8))
        samples(&family)
        guard !family.bytes.isEmpty else { return }
        append("# HELP \(name) ")
        for byte in "\(help)".utf8 {
            switch byte {
            case UInt8(ascii: "\\"): append("\\\\")
            case UInt8(ascii: "\n"): append("\\n")
            default: bytes.append(byte)
            }
        }
        append("\n# TYPE \(name) \(kind.rawValue)\n")
        bytes += family.bytes
    }

    private mutating func append(_ text: String) { bytes += Array(text.utf8) }

    /// A family's samples.
    public struct Family: Sendable {
        fileprivate let name: [UInt8]
        fileprivate var bytes: [UInt8] = []

        fileprivate init(name: [UInt8]) { self.name = name }

        public mutating func add(_ labels: Labels, _ value: UInt64) { line("", labels, String(value)) }

        /// A duration, in seconds.
        public mutating func add(_ labels: Labels, microseconds: UInt64) {
            line("", labels, seconds(microseconds))
        }

        /// A histogram of durations, in seconds.
        public mutating func add(_ labels: Labels, _ histogram: Histogram) {
            var count: UInt64 = 0
            for (bucket, bound) in histogram.bounds.enumerated() {
                count = saturatingSum(count, histogram.counts[bucket])
                line("_bucket", labels.with("le", seconds(bound)), String(count))
            }
            line("_bucket", labels.with("le", "+Inf"), String(histogram.count))
            line("_sum", labels, seconds(histogram.sum))
            line("_count", labels, String(histogram.count))
        }

        private mutating func line(_ suffix: String, _ labels: Labels, _ value: String) {
            bytes += name
            bytes += Array(suffix.utf8)
            if !labels.bytes.isEmpty {
                bytes.append(UInt8(ascii: "{"))
                bytes += labels.bytes
                bytes.append(UInt8(ascii: "}"))
            }
            bytes.append(UInt8(ascii: " "))
            bytes += Array(value.utf8)
            bytes.append(UInt8(ascii: "\n"))
        }
    }
}

/// Microseconds in seconds, exactly: `1.5`, `0.00025`, `10`.
func seconds(_ microseconds: UInt64) -> String {
    let (whole, part) = microseconds.quotientAndRemainder(dividingBy: 1_000_000)
    guard part > 0 else { return String(whole) }
    var digits = String(part)
    digits = String(repeating: "0", count: 6 - digits.utf8.count) + digits
    while digits.hasSuffix("0") { digits.removeLast() }
    return "\(whole).\(digits)"
}
