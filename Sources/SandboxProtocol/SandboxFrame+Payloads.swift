import LeanJSON
import LinuxSystem

extension SandboxFrame {
    /// What an event has got from the clock and from random numbers, as the bits of numbers, each in its order: decimal text
    /// would have to be exact.
    public struct Readings: Equatable, Sendable {
        public var clock: [UInt64]
        public var random: [UInt64]

        public init(clock: [UInt64] = [], random: [UInt64] = []) {
            self.clock = clock
            self.random = random
        }

        public var isEmpty: Bool { clock.isEmpty && random.isEmpty }
    }

    /// An event that was given up.
    public struct AbortReport: Equatable, Sendable {
        /// `AbortReason`'s name; a container's is `exception`.
        public let reason: String
        public let site: Int
        public let readings: Readings

        public init(reason: String, site: Int, readings: Readings) {
            self.reason = reason
            self.site = site
            self.readings = readings
        }
    }

    /// A line of a handler's log, for standard output (1) or standard error (2).
    public struct LogLine: Equatable, Sendable {
        public let stream: Int
        public let text: [UInt8]

        public init(stream: Int, text: [UInt8]) {
            self.stream = stream
            self.text = text
        }
    }

    // MARK: External calls

    public static func payload(of call: ExternalCall) -> [UInt8] {
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

    /// The number of an external call.
    public var callNumber: Int? { JSONValue(payload)?["number"]?.number.map { Int($0) } }

    /// The external call of a frame; whether it may be sent is not looked at.
    public func externalCall() throws(FrameError) -> ExternalCall {
        guard let document = JSONValue(payload), let number = document["number"]?.number,
            (0...Int64(Int32.max)).contains(number), let method = document["method"]?.text,
            let url = document["url"]?.text, let fields = document["headers"]?.members
        else { throw FrameError("a call of \(payload.count) bytes", expected: "number, method, url and headers") }
        var headers: [String: String] = [:]
        for (name, value) in fields {
            guard let text = value.text, headers.updateValue(text, forKey: name.lowercased()) == nil else {
                throw FrameError("the header \(name.prefix(64))", expected: "one text")
            }
        }
        return ExternalCall(
            number: Int(number), method: method, url: url, headers: headers, body: document["body"]?.text)
    }

    public static func payload(of answer: ExternalAnswer, to call: Int) -> [UInt8] {
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
    public func externalAnswer() throws(FrameError) -> (call: Int, answer: ExternalAnswer) {
        guard payload.count >= 12 else {
            throw FrameError("an answer of \(payload.count) bytes", expected: "at least 12")
        }
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

    private func number(_ place: Int) -> Int { (0..<4).reduce(0) { $0 | Int(payload[place + $1]) << ($1 * 8) } }

    // MARK: The end of an event

    public static func payload(of abort: Abort, _ readings: Readings) -> [UInt8] {
        var writer = JSONWriter()
        writer.text("reason", "\(abort.reason)")
        writer.number("site", abort.site)
        write(readings, to: &writer)
        return writer.object
    }

    public func abortReport() throws(FrameError) -> AbortReport {
        guard let document = JSONValue(payload), let reason = document["reason"]?.text, reason.utf8.count <= 32,
            let site = document["site"]?.number, (-1...Int64(Int32.max)).contains(site)
        else { throw FrameError("an abort of \(payload.count) bytes", expected: "a reason and a site") }
        return AbortReport(reason: reason, site: Int(site), readings: Self.readings(document))
    }

    public func readings() throws(FrameError) -> Readings {
        guard let document = JSONValue(payload) else {
            throw FrameError("readings of \(payload.count) bytes", expected: "JSON")
        }
        return Self.readings(document)
    }

    private static func readings(_ document: JSONValue) -> Readings {
        func bits(_ name: String) -> [UInt64] { (document[name]?.elements ?? []).compactMap(\.bits) }
        return Readings(clock: bits("clock"), random: bits("random"))
    }

    public static func payload(of readings: Readings) -> [UInt8] {
        var writer = JSONWriter()
        write(readings, to: &writer)
        return writer.object
    }

    private static func write(_ readings: Readings, to writer: inout JSONWriter) {
        // As texts: JSON's numbers are not exact in JavaScript.
        writer.texts("clock", readings.clock.map { String($0) })
        writer.texts("random", readings.random.map { String($0) })
    }

    /// A log: the stream, the count of bytes and the bytes of each line.
    public static func payload(of log: [LogLine]) -> [UInt8] {
        var bytes: [UInt8] = []
        for line in log {
            bytes.append(UInt8(clamping: line.stream))
            bytes.append(littleEndian: UInt32(line.text.count))
            bytes += line.text
        }
        return bytes
    }

    public func log() throws(FrameError) -> [LogLine] {
        var lines: [LogLine] = []
        var place = 0
        while place < payload.count {
            guard payload.count - place >= 5, case let count = number(place + 1), payload.count - place - 5 >= count,
                payload[place] == 1 || payload[place] == 2
            else { throw FrameError("a log of \(payload.count) bytes", expected: "whole lines") }
            lines.append(LogLine(stream: Int(payload[place]), text: Array(payload[(place + 5)..<(place + 5 + count)])))
            place += 5 + count
        }
        return lines
    }
}

extension JSONValue {
    fileprivate var bits: UInt64? { text.flatMap { UInt64($0) } }
}
