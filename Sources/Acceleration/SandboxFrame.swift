import LeanJSON
import LinuxSystem
import Sandbox
import TraceRuntime

/// What gateway and sandbox say to each other: the payload's length, the event's number and the kind, little-endian, then the
/// payload.
public struct SandboxFrame: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
        /// To the sandbox: a JSON array of the handler's arguments.
        case event = 1
        /// To the sandbox: an external call's answer: number, status, length of headers, headers, body.
        case answer = 2
        /// From the sandbox: an external call, as JSON.
        case call = 3
        /// From the sandbox: the event's answer; the flag, then JSON text, or nothing for undefined. It may go on.
        case result = 4
        /// From the sandbox: the event is over.
        case end = 5
        /// From the sandbox: compiled code has given the event up: JSON with reason and site, and the journal.
        case abort = 6
    }

    public let event: UInt32
    public let kind: Kind
    public let payload: [UInt8]

    public init(event: UInt32, kind: Kind, payload: [UInt8]) {
        self.event = event
        self.kind = kind
        self.payload = payload
    }

    /// Bytes before the payload.
    static let headerSize = 9
    /// Of a payload: the largest is an answer with its headers, or a journal.
    static let maxPayload = 80 << 20
    /// Of what a client may send: a body and its headers.
    static let maxRequest = 2 << 20

    public var encoded: [UInt8] {
        var bytes: [UInt8] = []
        bytes.reserveCapacity(Self.headerSize + payload.count)
        bytes.append(littleEndian: UInt32(payload.count))
        bytes.append(littleEndian: event)
        bytes.append(kind.rawValue)
        return bytes + payload
    }

    /// A frame from the beginning of bytes, which it takes away; nil: there is not all of it yet.
    ///
    /// - Throws: what is no frame, or a larger one than `limit`.
    static func take(from bytes: inout ArraySlice<UInt8>, limit: Int) throws(FrameError) -> SandboxFrame? {
        guard bytes.count >= headerSize else { return nil }
        let start = bytes.startIndex
        func number(_ place: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[start + place + $1]) << UInt32($1 * 8) }
        }
        let count = Int(number(0))
        guard count <= limit else { throw FrameError("a payload of \(count) bytes", expected: "at most \(limit)") }
        guard let kind = Kind(rawValue: bytes[start + 8]) else {
            throw FrameError("a frame of kind \(bytes[start + 8])", expected: "1 to 6")
        }
        let end = start + headerSize + count
        guard bytes.endIndex >= end else { return nil }
        let frame = SandboxFrame(event: number(4), kind: kind, payload: Array(bytes[(start + headerSize)..<end]))
        bytes = bytes[end...]
        return frame
    }

    // MARK: payloads

    static func payload(of answer: ExternalAnswer, to call: Int) -> [UInt8] {
        var writer = JSONWriter()
        for (name, value) in answer.headers.sorted(by: { $0.key < $1.key }) { writer.text(name, value) }
        let headers = writer.object
        var bytes: [UInt8] = []
        bytes.append(littleEndian: UInt32(call))
        bytes.append(littleEndian: UInt32(answer.status))
        bytes.append(littleEndian: UInt32(headers.count))
        return bytes + headers + answer.body
    }

    /// The call's number and its answer.
    func externalAnswer() throws(FrameError) -> (call: Int, answer: ExternalAnswer) {
        guard payload.count >= 12 else {
            throw FrameError("an answer of \(payload.count) bytes", expected: "at least 12")
        }
        func number(_ place: Int) -> Int { (0..<4).reduce(0) { $0 | Int(payload[place + $1]) << ($1 * 8) } }
        let size = number(8)
        guard size <= payload.count - 12, let fields = JSONValue(Array(payload[12..<(12 + size)]))?.members else {
            throw FrameError("headers of \(size) bytes", expected: "an object of JSON")
        }
        var headers: [String: String] = [:]
        for (name, value) in fields {
            guard let text = value.text else { throw FrameError("the header \(name)", expected: "a string") }
            headers[name.lowercased()] = text
        }
        let answer = ExternalAnswer(status: number(4), headers: headers, body: Array(payload[(12 + size)...]))
        return (number(0), answer)
    }

    /// The number of an external call.
    public var callNumber: Int? { JSONValue(payload)?["number"]?.number.map { Int($0) } }

    static func payload(of call: ExternalCall) -> [UInt8] {
        var writer = JSONWriter()
        writer.number("number", call.number)
        writer.text("method", call.method)
        writer.text("url", call.url)
        var headers = JSONWriter()
        for (name, value) in call.headers.sorted(by: { $0.key < $1.key }) { headers.text(name, value) }
        writer.object("headers", headers.object)
        writer.text("body", call.body)
        return writer.object
    }

    static func payload(of abort: Abort, _ journal: Journal) -> [UInt8] {
        var writer = JSONWriter()
        writer.text("reason", "\(abort.reason)")
        writer.number("site", abort.site)
        writer.list("journal", journal.entries.map(Self.json))
        return writer.object
    }

    private static func json(_ entry: Journal.Entry) -> [UInt8] {
        var writer = JSONWriter()
        switch entry {
        case .call(let call): writer.object("call", payload(of: call))
        case .answered(let number, let answer):
            writer.number("answered", number)
            writer.number("status", answer.status)
            var headers = JSONWriter()
            for (name, value) in answer.headers.sorted(by: { $0.key < $1.key }) { headers.text(name, value) }
            writer.object("headers", headers.object)
            writer.text("body", hexadecimal(answer.body))
        // Bits: a decimal number would have to be exact.
        case .clock(let value): writer.number("clock", value.bitPattern)
        case .random(let value): writer.number("random", value.bitPattern)
        case .log(let stream, let line):
            writer.number("stream", stream)
            writer.text("line", String(decoding: line, as: UTF8.self))
        case .result(let text):
            writer.flag("result", true)
            writer.text("json", text.map { String(decoding: $0, as: UTF8.self) })
        }
        return writer.object
    }

    private static func hexadecimal(_ bytes: [UInt8]) -> String {
        let digits = Array("0123456789abcdef".utf8)
        var text: [UInt8] = []
        text.reserveCapacity(bytes.count * 2)
        for byte in bytes { text += [digits[Int(byte >> 4)], digits[Int(byte & 15)]] }
        return String(decoding: text, as: UTF8.self)
    }
}

/// Bytes that are no frame.
public struct FrameError: Error, CustomStringConvertible {
    public let description: String
    init(_ found: String, expected: String) { description = "sandbox: \(found), expected \(expected)" }
}
