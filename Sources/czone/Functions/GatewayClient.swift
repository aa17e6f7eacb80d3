import Glibc
import LinuxSystem
import Runtime

/// Asks the gateway by its administration socket: HTTP/1.1, one request a connection.
struct GatewayClient {
    /// How long the gateway has to answer; a function it is asked for has its own timeout besides.
    private static let patience: CInt = 30_000
    private static let maxAnswer = 64 << 20

    struct Answer {
        let status: Int
        let body: [UInt8]
    }

    let path: String

    init(root: String?, socket: String?) { path = socket ?? "\(HostDirectories.root(root))/gateway.sock" }

    /// The answer, whatever its status.
    func ask(
        _ method: String, _ target: String, body: [UInt8] = [], headers: [String] = [],
        withinMilliseconds limit: CInt? = nil
    ) throws -> Answer {
        let socket: OwnedDescriptor
        do { socket = try UnixSocket.connect(to: path, sendingWithinMilliseconds: Self.patience) } catch {
            throw RuntimeError.invalid("no gateway listens at \(path): start one with `czone serve`")
        }
        let head =
            ["\(method) \(target) HTTP/1.1", "Host: czone", "Connection: close", "Content-Length: \(body.count)"]
            + headers
        try socket.send(Array((head.joined(separator: "\r\n") + "\r\n\r\n").utf8))
        if !body.isEmpty { try socket.send(body) }
        var received: [UInt8] = []
        let deadline = Deadline(inMilliseconds: limit ?? Self.patience)
        while received.count <= Self.maxAnswer {
            guard try socket.isReadable(by: deadline) else {
                throw RuntimeError.invalid("the gateway at \(path) does not answer")
            }
            let bytes = try socket.read(atMost: 1 << 16)
            if bytes.isEmpty { break }
            received += bytes
        }
        guard let answer = Self.parse(received) else {
            throw RuntimeError.invalid("the gateway at \(path) broke off its answer")
        }
        return answer
    }

    /// The body of an answer that says that it was done.
    func done(_ method: String, _ target: String, body: [UInt8] = []) throws -> [UInt8] {
        let answer = try ask(method, target, body: body)
        guard (200..<300).contains(answer.status) else { throw RuntimeError.invalid(Self.line(answer.body)) }
        return answer.body
    }

    static func line(_ body: [UInt8]) -> String {
        var text = String(decoding: body, as: UTF8.self)
        while text.last?.isNewline == true { text.removeLast() }
        return printable(text, atMost: 4096)
    }

    /// Nil where it is not whole.
    static func parse(_ bytes: [UInt8]) -> Answer? {
        guard let end = bytes.firstRange(of: Array("\r\n\r\n".utf8)) else { return nil }
        let lines = String(decoding: bytes[..<end.lowerBound], as: UTF8.self).split(separator: "\r\n")
        guard let words = lines.first?.split(separator: " "), words.count >= 2, let status = Int(words[1]) else {
            return nil
        }
        let body = Array(bytes[end.upperBound...])
        let fields = lines.dropFirst().map { $0.lowercased() }
        if fields.contains(where: { $0.hasPrefix("transfer-encoding:") && $0.hasSuffix("chunked") }) {
            return unchunked(body[...]).map { Answer(status: status, body: $0) }
        }
        if let field = fields.first(where: { $0.hasPrefix("content-length:") }) {
            let length = Int(field.dropFirst("content-length:".utf8.count).drop { $0 == " " })
            guard length == body.count else { return nil }
        }
        return Answer(status: status, body: body)
    }

    private static func unchunked(_ bytes: ArraySlice<UInt8>) -> [UInt8]? {
        var (rest, body) = (bytes, [UInt8]())
        while let end = rest.firstRange(of: Array("\r\n".utf8)) {
            let digits = String(decoding: rest[..<end.lowerBound].prefix { $0 != UInt8(ascii: ";") }, as: UTF8.self)
            guard let count = Int(digits, radix: 16), count >= 0 else { return nil }
            if count == 0 { return body }
            guard rest[end.upperBound...].count >= count + 2 else { return nil }
            body += rest[end.upperBound...].prefix(count)
            rest = rest[end.upperBound...].dropFirst(count + 2)
        }
        return nil
    }
}
