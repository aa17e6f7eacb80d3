import LinuxSystem

/// What the gateway and those that run a handler say to each other: the payload's length, the event's number and the kind,
/// little-endian, then the payload.
public struct SandboxFrame: Equatable, Sendable {
    public enum Kind: UInt8, Sendable {
        /// To the handler: a JSON array of its arguments.
        case event = 1
        /// To the handler: an external call's answer: number, status, length of headers, headers, body.
        case answer = 2
        /// From the handler: an external call, as JSON.
        case call = 3
        /// From the handler: the event's answer; the flag, then JSON text, or nothing for undefined. It may go on.
        case result = 4
        /// From the handler: the event is over; a sandbox's log lines.
        case end = 5
        /// From the handler: the event is given up: JSON with the reason, the site, and what the clock and random numbers gave.
        case abort = 6
        /// From a container that has loaded its handler, first of all: JSON with its shape.
        case hello = 7
        /// To a container: its trace is wanted, without payload; from it: the trace.
        case trace = 8
        /// To a container, before the event: what the clock and random numbers give first, as in an abort. From a sandbox,
        /// before the end: what they gave.
        case readings = 9
    }

    public let event: UInt32
    public let kind: Kind
    public let payload: [UInt8]

    public init(event: UInt32, kind: Kind, payload: [UInt8] = []) {
        self.event = event
        self.kind = kind
        self.payload = payload
    }

    /// Bytes before the payload.
    public static let headerSize = 9
    /// Of a payload to the gateway: the largest are a trace, and a log of empty lines.
    public static let maxPayload = 8 << 20
    /// Of what a client may send: a body and its headers.
    public static let maxRequest = 2 << 20

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
    public static func take(from bytes: inout ArraySlice<UInt8>, limit: Int) throws(FrameError) -> SandboxFrame? {
        guard bytes.count >= headerSize else { return nil }
        let start = bytes.startIndex
        func number(_ place: Int) -> UInt32 {
            (0..<4).reduce(0) { $0 | UInt32(bytes[start + place + $1]) << UInt32($1 * 8) }
        }
        let count = try Self.check(count: number(0), limit: limit)
        let kind = try Self.kind(bytes[start + 8])
        let end = start + headerSize + count
        guard bytes.endIndex >= end else { return nil }
        let frame = SandboxFrame(event: number(4), kind: kind, payload: Array(bytes[(start + headerSize)..<end]))
        bytes = bytes[end...]
        return frame
    }

    /// A payload's count of bytes, where it is within the limit.
    public static func check(count: UInt32, limit: Int) throws(FrameError) -> Int {
        guard Int(count) <= limit else { throw FrameError("a payload of \(count) bytes", expected: "at most \(limit)") }
        return Int(count)
    }

    /// The kind that a number stands for.
    public static func kind(_ number: UInt8) throws(FrameError) -> Kind {
        guard let kind = Kind(rawValue: number) else {
            throw FrameError("a frame of kind \(number)", expected: "1 to 9")
        }
        return kind
    }
}

/// Bytes that are no frame.
public struct FrameError: Error, CustomStringConvertible {
    public let description: String
    public init(_ found: String, expected: String) { description = "sandbox: \(found), expected \(expected)" }
}
