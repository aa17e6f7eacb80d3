public import TraceRuntime

/// A request that an event makes of something outside.
public struct ExternalCall: Equatable, Sendable {
    /// From 0, in the event's order.
    public let number: Int
    public let method: String
    public let url: String
    /// Names in lower case.
    public let headers: [String: String]
    public let body: String?

    public init(number: Int, method: String, url: String, headers: [String: String], body: String?) {
        self.number = number
        self.method = method
        self.url = url
        self.headers = headers
        self.body = body
    }

    private static let maxURL = 8192
    private static let maxHeaders = 64
    private static let maxHeaderBytes = 8192
    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    /// Whether it is a request that a client may send: one request, and nothing of another one in it.
    public var isSendable: Bool {
        let hasForbiddenBody = body != nil && (method == "GET" || method == "HEAD")
        return Self.isURL(url) && Self.methods.contains(method) && headers.count <= Self.maxHeaders && !hasForbiddenBody
            && headers.allSatisfy { Self.isToken($0.key) && Self.isFieldValue($0.value) }
    }

    /// Whether two calls ask for the same, whatever their numbers.
    public func asksTheSame(as other: ExternalCall) -> Bool {
        method == other.method && url == other.url && headers == other.headers && body == other.body
    }

    /// Printable ASCII without spaces: a line feed would be a request of its own.
    private static func isURL(_ url: String) -> Bool {
        guard url.utf8.count <= maxURL, url.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return false }
        let rest = url.hasPrefix("http://") ? url.dropFirst(7) : url.hasPrefix("https://") ? url.dropFirst(8) : ""
        // A user's name and password in an address are no request that fetch makes.
        let authority = rest.prefix { !"/?#\\".contains($0) }
        return !authority.isEmpty && !authority.contains("@") && !rest.contains("\\")
    }

    /// RFC 9110, section 5.6.2.
    public static func isToken(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 256
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    /// What may stand behind a header's name.
    public static func isFieldValue(_ value: String) -> Bool {
        value.utf8.count <= maxHeaderBytes && value.utf8.allSatisfy { (0x20...0x7e).contains($0) || $0 == 9 }
            && value.first != " " && value.last != " " && value.first != "\t" && value.last != "\t"
    }
}

/// What came of an external call. Status 0: nothing, it has failed.
public struct ExternalAnswer: Equatable, Sendable {
    public var status: Int
    /// Names in lower case.
    public var headers: [String: String]
    public var body: [UInt8]

    public init(status: Int, headers: [String: String] = [:], body: [UInt8]) {
        self.status = status
        self.headers = headers
        self.body = body
    }

    public static let failed = ExternalAnswer(status: 0, body: [])
}

/// An event that compiled code has given up.
public struct Abort: Error, Equatable, Sendable {
    public let reason: AbortReason
    /// The number of the place, among the compiled program's sites; -1 where it is not known.
    public let site: Int

    public init(reason: AbortReason, site: Int) {
        self.reason = reason
        self.site = site
    }
}
