import LinuxSystem
import Logging
import Logs
import Metrics
import SystemPackage

/// Answers `GET /metrics`, one request a connection (HTTP/1.1 with `Connection: close`).
///
/// Bounded in all: so many connections, each with a deadline from its first byte to its last; metrics are collected at
/// most once a second, however many ask. One thread, which is the process's only one.
final class MetricsServer {
    private static let maxConnections = 16
    /// From a connection's coming to the last byte of its answer, in nanoseconds.
    private static let patience: UInt64 = 5_000_000_000
    private static let freshness: UInt64 = 1_000_000_000

    private final class Connection {
        let socket: OwnedDescriptor
        let deadline: UInt64
        var received: [UInt8] = []
        /// What is left of the answer; nil while the request is not whole.
        var answer: ArraySlice<UInt8>?

        init(_ socket: OwnedDescriptor, deadline: UInt64) {
            self.socket = socket
            self.deadline = deadline
        }
    }

    private let listener: OwnedDescriptor
    private let collect: () throws -> [UInt8]
    private var connections: [Connection] = []
    private var collected: (bytes: [UInt8], at: UInt64)?

    /// - Parameter collect: makes the text; what it throws is logged and answered with status 500.
    init(on listener: OwnedDescriptor, collect: @escaping () throws -> [UInt8]) {
        self.listener = listener
        self.collect = collect
    }

    /// Serves until the process ends.
    func run() throws(SystemError) -> Never {
        while true { try step() }
    }

    /// Waits for something to do, and does it.
    func step() throws(SystemError) {
        let now = MonotonicClock.nanoseconds
        connections.removeAll { $0.deadline <= now }
        let hasRoom = connections.count < Self.maxConnections
        let first = connections.map(\.deadline).min()
        var interests: [(OwnedDescriptor, Readiness)] = connections.map {
            ($0.socket, $0.answer == nil ? .readable : .writable)
        }
        // A client that comes while there is no room waits in the socket's own queue.
        if hasRoom { interests.append((listener, .readable)) }
        let ready = try wait(
            for: interests, timeoutInMilliseconds: first.map { CInt(clamping: ($0 - now) / 1_000_000 + 1) } ?? -1)
        for (connection, readiness) in zip(connections, ready) where !readiness.isEmpty { proceed(connection) }
        if hasRoom, let last = ready.last, !last.isEmpty { accept() }
    }

    private func accept() {
        while connections.count < Self.maxConnections, let socket = listener.accept() {
            guard (try? socket.setNonBlocking()) != nil else { continue }
            connections.append(Connection(socket, deadline: MonotonicClock.nanoseconds + Self.patience))
        }
    }

    private func proceed(_ connection: Connection) {
        do throws(SystemError) {
            if connection.answer == nil { try receive(connection) }
            while let rest = connection.answer {
                guard !rest.isEmpty else { return close(connection) }
                connection.answer = rest.dropFirst(try connection.socket.write(some: rest))
            }
        } catch {
            guard error.errno == .resourceTemporarilyUnavailable else { return close(connection) }
        }
    }

    private func receive(_ connection: Connection) throws(SystemError) {
        let bytes = try connection.socket.read(atMost: MetricsRequest.maxBytes)
        guard !bytes.isEmpty else { return close(connection) }
        connection.received += bytes
        guard case .answer(let answer) = MetricsRequest.parse(connection.received) else { return }
        connection.answer = response(answer)[...]
    }

    private func close(_ connection: Connection) {
        connection.socket.endWriting()
        connections.removeAll { $0 === connection }
    }

    // MARK: Answers

    private func response(_ answer: MetricsRequest.Answer) -> [UInt8] {
        guard answer == .metrics else { return Self.response(answer.rawValue, "text/plain", []) }
        do {
            return Self.response(answer.rawValue, Exposition.contentType, try text())
        } catch {
            Log.logger.error("metrics cannot be collected: \(error)")
            return Self.response("500 Internal Server Error", "text/plain", [])
        }
    }

    private func text() throws -> [UInt8] {
        let now = MonotonicClock.nanoseconds
        if let collected, now - collected.at < Self.freshness { return collected.bytes }
        let bytes = try collect()
        collected = (bytes, now)
        return bytes
    }

    private static func response(_ status: String, _ type: String, _ body: [UInt8]) -> [UInt8] {
        let head = [
            "HTTP/1.1 \(status)", "Content-Type: \(type)", "Content-Length: \(body.count)", "Connection: close", "", "",
        ].joined(separator: "\r\n")
        return Array(head.utf8) + body
    }
}
