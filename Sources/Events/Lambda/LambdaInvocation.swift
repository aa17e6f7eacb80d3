import LeanJSON

/// An event on its way through a Lambda runtime, with what the Runtime API (2018-06-01) says of it. Immutable.
public struct LambdaInvocation: Equatable, Sendable {
    /// The greatest payload, and answer, of Lambda's Invoke API, in bytes.
    public static let maxBytes = 6 << 20

    /// A UUID.
    public let id: String
    public let payload: [UInt8]
    /// Milliseconds since 1970 UTC.
    public let deadlineInMilliseconds: Int64
    public let functionARN: String
    /// `Lambda-Runtime-Trace-Id`, in X-Ray's form.
    public let trace: String
    /// `X-Amz-Client-Context`, as it came; empty: none.
    public let clientContext: String

    public init(
        id: String, payload: [UInt8], deadlineInMilliseconds: Int64, function: String, trace: TraceContext,
        clientContext: String = ""
    ) {
        self.id = id
        self.payload = payload
        self.deadlineInMilliseconds = deadlineInMilliseconds
        functionARN = Self.arn(of: function)
        self.trace =
            "Root=1-\(trace.trace.prefix(8))-\(trace.trace.dropFirst(8));Parent=\(trace.span);Sampled=\(trace.flags == "01" ? 1 : 0)"
        self.clientContext = clientContext
    }

    public static func arn(of function: String) -> String {
        "arn:aws:lambda:local:000000000000:function:\(function)"
    }

    /// The headers of the answer to `invocation/next`.
    public var headers: [(String, String)] {
        var headers = [
            ("Content-Type", "application/json"), ("Lambda-Runtime-Aws-Request-Id", id),
            ("Lambda-Runtime-Deadline-Ms", "\(deadlineInMilliseconds)"),
            ("Lambda-Runtime-Invoked-Function-Arn", functionARN), ("Lambda-Runtime-Trace-Id", trace),
        ]
        if !clientContext.isEmpty { headers.append(("Lambda-Runtime-Client-Context", clientContext)) }
        return headers
    }

    /// A random UUID (RFC 9562, version 4).
    public static func freshID() -> String {
        let high = UInt64.random(in: .min ... .max) & ~0xF000 | 0x4000
        let low = UInt64.random(in: .min ... .max) & ~(3 << 62) | 1 << 63
        let digits = Array(TraceContext.hexadecimal(high) + TraceContext.hexadecimal(low))
        return [0..<8, 8..<12, 12..<16, 16..<20, 20..<32].map { String(digits[$0]) }.joined(separator: "-")
    }
}

/// What a runtime answered.
public struct LambdaResult: Equatable, Sendable {
    public let body: [UInt8]
    /// The function's own failure, as its runtime reports it.
    public let isError: Bool
    public let contentType: String

    public init(body: [UInt8], isError: Bool, contentType: String) {
        self.body = body
        self.isError = isError
        self.contentType = contentType
    }

    /// A failure that no runtime could report, in the form in which one would.
    public static func failure(type: String, _ message: String) -> LambdaResult {
        var json = JSONWriter()
        json.text("errorMessage", message)
        json.text("errorType", type)
        return LambdaResult(body: json.object, isError: true, contentType: "application/json")
    }
}

/// A call of the Runtime API.
public enum RuntimeCall: Equatable, Sendable {
    case next
    case response(id: String)
    case error(id: String)
    case initError

    /// nil: there is no such call.
    public init?(method: String, target: String) {
        let path = target.prefix { $0 != "?" }
        let parts = path.split(separator: "/", omittingEmptySubsequences: true).map(String.init)
        guard parts.first == "2018-06-01", parts.count >= 2, parts[1] == "runtime" else { return nil }
        switch (method, parts.dropFirst(2).first, parts.count) {
        case ("GET", "invocation", 4) where parts[3] == "next": self = .next
        case ("POST", "invocation", 5) where parts[4] == "response": self = .response(id: parts[3])
        case ("POST", "invocation", 5) where parts[4] == "error": self = .error(id: parts[3])
        case ("POST", "init", 4) where parts[3] == "error": self = .initError
        default: return nil
        }
    }
}
