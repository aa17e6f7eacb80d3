/// Where a request stands in a trace (W3C Trace Context, `traceparent`). A value.
public struct TraceContext: Equatable, Sendable {
    /// 32 hexadecimal digits, not all 0.
    public let trace: String
    /// The caller's span, 16 digits; empty where the trace begins here.
    public let parent: String
    /// This request's span.
    public let span: String
    /// `01`: somebody records the trace.
    public let flags: String

    /// A new trace.
    public static func fresh() -> TraceContext {
        TraceContext(trace: identifier(2), parent: "", span: identifier(1), flags: "00")
    }

    /// Continues the caller's trace; nil where the text is not of version 00 (or of a later one that begins so).
    public init?(traceparent text: String) {
        let parts = text.split(separator: "-", omittingEmptySubsequences: false).map(String.init)
        guard parts.count >= 4, parts[0].utf8.count == 2, parts[0] != "ff", Self.isHexadecimal(parts[0]),
            parts[0] != "00" || parts.count == 4, parts[1].utf8.count == 32, Self.isHexadecimal(parts[1]),
            parts[2].utf8.count == 16, Self.isHexadecimal(parts[2]), parts[3].utf8.count == 2,
            Self.isHexadecimal(parts[3]), parts[1].contains(where: { $0 != "0" }),
            parts[2].contains(where: { $0 != "0" })
        else { return nil }
        self.init(trace: parts[1], parent: parts[2], span: Self.identifier(1), flags: parts[3])
    }

    private init(trace: String, parent: String, span: String, flags: String) {
        (self.trace, self.parent, self.span, self.flags) = (trace, parent, span, flags)
    }

    /// As it is passed on: this request's span is the parent there.
    public var text: String { "00-\(trace)-\(span)-\(flags)" }

    /// 16 digits.
    public static func hexadecimal(_ number: UInt64) -> String {
        let digits = String(number, radix: 16)
        return String(repeating: "0", count: 16 - digits.utf8.count) + digits
    }

    private static func identifier(_ words: Int) -> String {
        (0..<words).map { _ in hexadecimal(UInt64.random(in: 1 ... .max)) }.joined()
    }

    private static func isHexadecimal(_ text: String) -> Bool {
        text.utf8.allSatisfy { (0x30...0x39).contains($0) || (0x61...0x66).contains($0) }
    }
}
