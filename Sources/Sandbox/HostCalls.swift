import LeanJSON
public import TraceRuntime

/// Functions that modules import, in the order of their numbers.
enum HostFunction: UInt32, CaseIterable {
    case abort, fetch, now, random, answer, log

    var name: StaticString {
        switch self {
        case .abort: "abort"
        case .fetch: "fetch"
        case .now: "now"
        case .random: "random"
        case .answer: "answer"
        case .log: "log"
        }
    }

    /// A letter for each: i for i32.
    var parameters: StaticString {
        switch self {
        case .abort: "i"
        case .fetch, .log: "iii"
        case .answer: "ii"
        case .now, .random: ""
        }
    }

    var result: CChar { self == .now || self == .random ? CChar(UInt8(ascii: "d")) : 0 }
}

/// A request that an event makes of something outside.
public struct ExternalCall: Equatable, Sendable {
    /// From 0, in the event's order.
    public let number: Int
    public let method: String
    public let url: String
    public let headers: [String: String]
    public let body: String?
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

/// Checks what modules hand over. Each thing is a copy by then, which the module cannot change.
enum HostCalls {
    private static let maxURL = 8192
    private static let maxHeaders = 64
    private static let maxHeaderBytes = 8192
    private static let methods: Set<String> = ["GET", "HEAD", "POST", "PUT", "PATCH", "DELETE", "OPTIONS"]

    /// The request of JSON text that the run-time library makes: `{url, method?, headers?, body?}`.
    ///
    /// - Throws: `violation` for what that library never makes, `value` for what no client sends.
    static func request(_ number: Int, _ json: [UInt8]) throws(Abort) -> ExternalCall {
        // Half a surrogate pair, which is no text.
        guard let document = JSONValue(json) else { throw Abort(reason: .value, site: -1) }
        guard let url = document["url"]?.text, document.members?.keys.allSatisfy(isKnown) == true else {
            throw Abort(reason: .violation, site: -1)
        }
        let method = document["method"]?.text ?? "GET"
        var headers: [String: String] = [:]
        for (name, value) in document["headers"]?.members ?? [:] {
            guard let value = value.text else { throw Abort(reason: .violation, site: -1) }
            guard headers.updateValue(value, forKey: name.lowercased()) == nil, isToken(name), isFieldValue(value)
            else {
                throw Abort(reason: .value, site: -1)
            }
        }
        let body = document["body"]?.text
        let hasBody = body != nil && (method == "GET" || method == "HEAD")
        guard isURL(url), methods.contains(method), headers.count <= maxHeaders, !hasBody else {
            throw Abort(reason: .value, site: -1)
        }
        return ExternalCall(number: number, method: method, url: url, headers: headers, body: body)
    }

    private static func isKnown(_ key: String) -> Bool { ["url", "method", "headers", "body"].contains(key) }

    /// Printable ASCII without spaces: a line feed would be a request of its own.
    private static func isURL(_ url: String) -> Bool {
        guard url.utf8.count <= maxURL, url.utf8.allSatisfy({ (0x21...0x7e).contains($0) }) else { return false }
        let rest = url.hasPrefix("http://") ? url.dropFirst(7) : url.hasPrefix("https://") ? url.dropFirst(8) : ""
        // A user's name and password in an address are no request that fetch makes.
        let authority = rest.prefix { !"/?#\\".contains($0) }
        return !authority.isEmpty && !authority.contains("@") && !rest.contains("\\")
    }

    /// RFC 9110, section 5.6.2.
    private static func isToken(_ name: String) -> Bool {
        !name.isEmpty && name.utf8.count <= 256
            && name.utf8.allSatisfy { byte in
                (0x30...0x39).contains(byte) || (0x41...0x5a).contains(byte) || (0x61...0x7a).contains(byte)
                    || "!#$%&'*+-.^_`|~".utf8.contains(byte)
            }
    }

    private static func isFieldValue(_ value: String) -> Bool {
        value.utf8.count <= maxHeaderBytes && value.utf8.allSatisfy { (0x20...0x7e).contains($0) || $0 == 9 }
            && value.first != " " && value.last != " " && value.first != "\t" && value.last != "\t"
    }

    /// A JSON object of headers, for the run-time library.
    static func headerText(_ headers: [String: String]) -> [UInt8] {
        var writer = JSONWriter()
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { writer.text(name.lowercased(), value) }
        return writer.object
    }
}
