import Events
import HTTPExchange
import LeanJSON
import NIOCore
import NIOHTTP1
import SandboxProtocol

/// What a handler gets of a request: JSON, which container and sandbox get alike. A value.
struct HandlerEvent: Sendable {
    /// What a module exports, and so what its arguments are.
    enum Shape: String, Sendable {
        /// Knative's: `(context, data)`.
        case handle
        /// Lambda's: `(event, context)`.
        case handler
    }

    /// A request that no event can be made of.
    struct Refusal: Error, Equatable {
        let status: HTTPResponseStatus
        let text: String
    }

    /// Of a request's body.
    static let maxBody = 1 << 20

    private let context: [UInt8]
    private let data: [UInt8]

    /// - Parameters:
    ///   - head: as a container of kind http would get it (`RequestHeaders.forwarded`).
    ///   - id: the request's.
    init(_ head: HTTPRequestHead, body: [UInt8], id: String, function: String) throws(Refusal) {
        data = try Self.data(body, type: head.headers.first(name: "content-type") ?? "")
        let parts = head.uri.split(separator: "?", maxSplits: 1, omittingEmptySubsequences: false)
        var context = JSONWriter()
        context.text("id", id)
        context.text("functionName", function)
        context.text("awsRequestId", id)
        context.text("method", head.method.rawValue)
        context.text("path", String(parts[0]))
        var query: [String: String] = [:]
        for pair in (parts.count > 1 ? parts[1] : "").split(separator: "&") {
            let halves = pair.split(separator: "=", maxSplits: 1, omittingEmptySubsequences: false)
            let value = halves.count > 1 ? halves[1] : ""
            query[String(percentDecoding: halves[0], plusIsSpace: true)] = String(
                percentDecoding: value, plusIsSpace: true)
        }
        context.object("query", Self.object(query))
        var headers: [String: String] = [:]
        for (name, value) in head.headers {
            let name = name.lowercased()
            headers[name] = headers[name].map { "\($0), \(value)" } ?? value
        }
        context.object("headers", Self.object(headers))
        self.context = context.object
    }

    /// The arguments of a handler, as a JSON array.
    func arguments(_ shape: Shape) -> [UInt8] {
        let (first, second) = shape == .handle ? (context, data) : (data, context)
        return [UInt8(ascii: "[")] + first + [UInt8(ascii: ",")] + second + [UInt8(ascii: "]")]
    }

    /// JSON stands as such, other text as a string.
    private static func data(_ body: [UInt8], type: String) throws(Refusal) -> [UInt8] {
        guard !body.isEmpty else { return Array("null".utf8) }
        let plain = type.prefix { $0 != ";" }.lowercased().filter { $0 != " " }
        if plain == "application/json" || plain == "text/json" || plain.hasSuffix("+json") {
            guard JSONDocument(body) != nil else {
                throw Refusal(status: .badRequest, text: "the body is no JSON, which its type says it is")
            }
            return body
        }
        guard let text = String(validating: body, as: UTF8.self) else {
            throw Refusal(
                status: .unsupportedMediaType, text: "the body is no text in UTF-8: a handler takes JSON or text")
        }
        return Self.string(text)
    }

    private static func string(_ text: String) -> [UInt8] {
        var writer = JSONWriter()
        writer.texts("", [text])
        // {"":["…"]}
        return Array(writer.object.dropFirst(5).dropLast(2))
    }

    private static func object(_ values: [String: String]) -> [UInt8] {
        var writer = JSONWriter()
        for (name, value) in values.sorted(by: { $0.key < $1.key }) { writer.text(name, value) }
        return writer.object
    }
}

/// What a handler's result is for its caller. A value.
struct HandlerAnswer: Equatable, Sendable {
    var status = 200
    var headers: [(name: String, value: String)] = []
    var body: [UInt8] = []

    /// A result that is no answer.
    struct Malformed: Error, Equatable {
        let text: String
    }

    static func == (one: HandlerAnswer, other: HandlerAnswer) -> Bool {
        one.status == other.status && one.body == other.body
            && one.headers.map { "\($0.name):\($0.value)" } == other.headers.map { "\($0.name):\($0.value)" }
    }

    /// An object with a `statusCode` says it all; a string is text, anything else JSON, and nothing an answer without a body.
    ///
    /// - Parameter result: the payload of a result's frame.
    init(result: [UInt8]) throws(Malformed) {
        guard let flag = result.first, flag == 1 else {
            status = 204
            return
        }
        let text = Array(result.dropFirst())
        guard let json = JSONDocument(text) else { throw Malformed(text: "the handler's result is no JSON") }
        if let string = JSONDocument.string(text) {
            headers = [("content-type", "text/plain; charset=utf-8")]
            body = Array(string.utf8)
        } else if let code = json["statusCode"] {
            try readAnswer(json, code)
        } else {
            headers = [("content-type", "application/json")]
            body = text
        }
    }

    private mutating func readAnswer(_ json: JSONDocument, _ code: [UInt8]) throws(Malformed) {
        guard let number = Int(String(decoding: code, as: UTF8.self)), (200...599).contains(number) else {
            throw Malformed(text: "the handler's statusCode is \(Self.shown(code)), expected 200 to 599")
        }
        status = number
        var hasType = false
        if let text = json["headers"], text != Array("null".utf8) {
            guard let fields = JSONDocument(text), text.first == UInt8(ascii: "{") else {
                throw Malformed(text: "the handler's headers are no object")
            }
            for name in fields.members.keys.sorted() {
                let value = fields[name].flatMap { JSONDocument.string($0) ?? Self.scalar($0) }
                guard let value, ExternalCall.isToken(name), ExternalCall.isFieldValue(value) else {
                    throw Malformed(text: "the handler's header \(Self.shown(Array(name.utf8))) is none")
                }
                hasType = hasType || name.lowercased() == "content-type"
                headers.append((name, value))
            }
        }
        guard let text = json["body"], text != Array("null".utf8) else { return }
        let string = JSONDocument.string(text)
        body = string.map { Array($0.utf8) } ?? text
        if !hasType {
            headers.append(("content-type", string == nil ? "application/json" : "text/plain; charset=utf-8"))
        }
    }

    /// A number or a truth, as it stands.
    private static func scalar(_ text: [UInt8]) -> String? {
        guard let first = text.first, first != UInt8(ascii: "{"), first != UInt8(ascii: "[") else { return nil }
        return String(decoding: text, as: UTF8.self)
    }

    private static func shown(_ text: [UInt8]) -> String { String(decoding: text.prefix(64), as: UTF8.self) }
}
