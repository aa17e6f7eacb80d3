import LinuxSystem
import SystemPackage

/// A conversation with the kernel about one network namespace (rtnetlink(7)). One request at a time; not thread-safe.
final class RoutingSocket {
    private static let maxBytesPerRead = 64 << 10
    /// Reads of one dump: far more than any pod's namespace has.
    private static let maxReads = 1024

    private let socket: OwnedDescriptor
    private var number: UInt32 = 0

    init(_ namespace: NetworkNamespace) throws(SystemError) { socket = try namespace.openRouting() }

    /// Has something changed; `action` says what, for the error.
    func ask(_ message: RoutingMessage, _ action: String) throws(SystemError) {
        try send(message)
        while true {
            var bytes = RoutingBytes(try socket.read(atMost: Self.maxBytesPerRead)[...])
            while let answer = bytes.takeMessage() {
                guard answer.number == number, answer.kind == RoutingMessage.Kind.error.rawValue else { continue }
                return try Self.check(answer.body, action)
            }
        }
    }

    /// All that there is of a kind.
    func list(_ message: RoutingMessage, _ action: String) throws(SystemError) -> [RoutingBytes] {
        try send(message)
        var found: [RoutingBytes] = []
        for _ in 0..<Self.maxReads {
            var bytes = RoutingBytes(try socket.read(atMost: Self.maxBytesPerRead)[...])
            while let answer = bytes.takeMessage() {
                guard answer.number == number else { continue }
                switch RoutingMessage.Kind(rawValue: answer.kind) {
                case .done: return found
                case .error: try Self.check(answer.body, action)
                default: found.append(answer.body)
                }
            }
        }
        throw SystemError(action, .outOfRange)
    }

    private func send(_ message: RoutingMessage) throws(SystemError) {
        number += 1
        try socket.write(all: message.bytes(number: number))
    }

    private static func check(_ body: RoutingBytes, _ action: String) throws(SystemError) {
        var body = body
        try checked(body.take(Int32.self), action)
    }
}
