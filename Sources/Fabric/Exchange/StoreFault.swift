import NIOCore
import NIOHTTP1

/// Why a container's request is not passed on, or has no answer; reported in S3's form ("Error responses").
public struct StoreFault: Error, Equatable, Sendable {
    public var status: UInt
    public var code: String
    public var message: String

    init(_ status: UInt, _ code: String, _ message: String) {
        (self.status, self.code, self.message) = (status, code, message)
    }

    /// What the policy does not allow.
    static func denied(_ message: String) -> Self { Self(403, "AccessDenied", message) }
    /// What makes no sense.
    static func invalid(_ message: String) -> Self { Self(400, "InvalidRequest", message) }
    /// The store cannot be reached; to be tried again.
    static func unavailable(_ message: String) -> Self { Self(503, "ServiceUnavailable", message) }

    /// The XML document.
    func document(resource: String, request: String) -> ByteBuffer {
        var text = "<?xml version=\"1.0\" encoding=\"UTF-8\"?>\n<Error>"
        for (name, value) in [
            ("Code", code), ("Message", message), ("Resource", resource), ("RequestId", request),
        ] {
            text += "<\(name)>\(Self.escaped(value))</\(name)>"
        }
        return ByteBuffer(string: text + "</Error>")
    }

    /// Characters that XML 1.0 has no place for become question marks.
    private static func escaped(_ text: String) -> String {
        text.unicodeScalars.reduce(into: "") { result, scalar in
            switch scalar {
            case "<": result += "&lt;"
            case ">": result += "&gt;"
            case "&": result += "&amp;"
            case "\t", "\n", "\r", "\u{20}"..."\u{D7FF}", "\u{E000}"..."\u{FFFD}", "\u{10000}"..."\u{10FFFF}":
                result.unicodeScalars.append(scalar)
            default: result += "?"
            }
        }
    }
}
