import FoundationEssentials
import LinuxSystem

/// QEMU's monitor by its machine protocol (QMP) on a unix socket: a line of JSON each way.
public final class QEMUMonitor {
    private let socket: OwnedDescriptor
    private var received: [UInt8] = []

    /// Connects to a monitor that listens.
    public init(at path: String) throws {
        socket = try UnixSocket.connect(to: path)
        _ = try line()
        _ = try execute("qmp_capabilities", as: Empty.self)
    }

    private struct Empty: Decodable {}

    private struct Answer<Value: Decodable>: Decodable {
        struct Failure: Decodable { var desc: String }
        var `return`: Value?
        var error: Failure?
        var event: String?
    }

    /// Does a command, its arguments as JSON members, and gives its answer; events in between are passed over.
    @discardableResult
    private func execute<Value: Decodable>(
        _ command: String, _ arguments: String = "", as type: Value.Type
    ) throws -> Value {
        try socket.send(Array("{\"execute\":\"\(command)\",\"arguments\":{\(arguments)}}\n".utf8))
        while true {
            let answer = try JSONDecoder().decode(Answer<Value>.self, from: Data(try line()))
            if let error = answer.error {
                throw Stopwatch.Failed(description: "QEMU cannot do \(command): \(error.desc)")
            }
            if let value = answer.return { return value }
            guard answer.event != nil else {
                throw Stopwatch.Failed(description: "QEMU answered \(command) with neither a value nor an error")
            }
        }
    }

    /// A property of the device with this id, a number.
    public func number(_ property: String, of device: String) throws -> UInt64 {
        try execute("qom-get", "\"path\":\"\(device)\",\"property\":\"\(property)\"", as: UInt64.self)
    }

    public func set(_ property: String, of device: String, to value: UInt64) throws {
        try execute("qom-set", "\"path\":\"\(device)\",\"property\":\"\(property)\",\"value\":\(value)", as: Empty.self)
    }

    /// Asks the guest's balloon to leave it so much memory.
    public func setBalloon(leaving bytes: UInt64) throws {
        try execute("balloon", "\"value\":\(bytes)", as: Empty.self)
    }

    /// How much memory the balloon leaves now.
    public func memoryLeftByBalloon() throws -> UInt64 {
        struct Balloon: Decodable { var actual: UInt64 }
        return try execute("query-balloon", as: Balloon.self).actual
    }

    private func line() throws -> [UInt8] {
        while true {
            if let end = received.firstIndex(of: UInt8(ascii: "\n")) {
                defer { received.removeSubrange(...end) }
                return Array(received[..<end])
            }
            let bytes = try socket.read(atMost: 4096)
            guard !bytes.isEmpty else { throw Stopwatch.Failed(description: "QEMU closed its monitor") }
            received += bytes
        }
    }
}
