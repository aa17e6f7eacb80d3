/// A size as people write it: a number with an optional unit K, M, G or T (powers of 1024; a trailing B or iB is fine).
public struct ByteSize: Equatable, Sendable, CustomStringConvertible {
    public let bytes: UInt64

    public init(bytes: UInt64) { self.bytes = bytes }

    /// Nil where the text is no size, or one of more than 64 bits.
    public init?(_ text: some StringProtocol) {
        let digits = text.prefix { $0.isASCII && $0.isNumber }
        guard let number = UInt64(digits) else { return nil }
        guard let shift = Self.shifts[text.dropFirst(digits.count).lowercased()] else { return nil }
        let (bytes, overflow) = number.multipliedReportingOverflow(by: 1 << shift)
        guard !overflow else { return nil }
        self.bytes = bytes
    }

    private static let shifts: [String: UInt64] = [
        "": 0, "b": 0, "k": 10, "kb": 10, "kib": 10, "m": 20, "mb": 20, "mib": 20, "g": 30, "gb": 30, "gib": 30,
        "t": 40, "tb": 40, "tib": 40,
    ]

    /// The size in the largest unit that leaves at least one whole: `512 MiB`, `1.5 GiB`.
    public var description: String {
        for (unit, shift) in [("TiB", 40), ("GiB", 30), ("MiB", 20), ("KiB", 10)] as [(String, UInt64)]
        where bytes >= 1 << shift {
            let tenths = ((bytes >> (shift - 10)) * 10) >> 10
            return tenths % 10 == 0 ? "\(tenths / 10) \(unit)" : "\(tenths / 10).\(tenths % 10) \(unit)"
        }
        return "\(bytes) B"
    }
}
