import LinuxSystem
import Synchronization

/// Makes the calls of a trace when they are due, by the gateway's administration socket: a few callers, each with one call at
/// a time. A call that is late because all callers wait counts from when it was due.
final class EventReplay: Sendable {
    private static let patience: CInt = 300_000

    private struct State {
        var next = 0
        var running = 0
        var result = EventsBench.Result()
    }

    private let calls: [EventsBench.Call]
    private let socket: String
    private let beganAt = MonotonicClock.nanoseconds
    private let state = Mutex(State())

    init(_ calls: [EventsBench.Call], socket: String) {
        self.calls = calls
        self.socket = socket
    }

    var isRunning: Bool { state.withLock { $0.running > 0 } }

    var result: EventsBench.Result {
        var result = state.withLock(\.result)
        result.waits.sort()
        return result
    }

    func note(memory: UInt64) { state.withLock { $0.result.memory.append(memory) } }

    func start(callers count: Int) throws {
        state.withLock { $0.running = count }
        for _ in 0..<count { _ = try Thread(named: "caller") { [self] in work() } }
    }

    private func work() {
        while let call = take() {
            let due = beganAt + UInt64(call.at * 1e6)
            let now = MonotonicClock.nanoseconds
            if due > now { _ = try? wait(for: [], timeoutInMilliseconds: CInt((due - now) / 1_000_000 + 1)) }
            let isAnswered = (try? ask(call)) ?? false
            let waited = Double(MonotonicClock.nanoseconds - due) / 1e6 - call.milliseconds
            state.withLock { state in
                if isAnswered { state.result.waits.append(max(0, waited)) } else { state.result.failures += 1 }
            }
        }
        state.withLock { $0.running -= 1 }
    }

    private func take() -> EventsBench.Call? {
        state.withLock { state in
            guard state.next < calls.count else { return nil }
            defer { state.next += 1 }
            return calls[state.next]
        }
    }

    /// Whether it was answered with status 200.
    private func ask(_ call: EventsBench.Call) throws -> Bool {
        let connection = try UnixSocket.connect(to: socket, sendingWithinMilliseconds: Self.patience)
        let target = "/functions/f\(call.function)/invoke/\(milliseconds(call.milliseconds))"
        try connection.send(Array("GET \(target) HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".utf8))
        var received: [UInt8] = []
        let deadline = Deadline(inMilliseconds: Self.patience)
        while try connection.isReadable(by: deadline) {
            let bytes = try connection.read(atMost: 4096)
            if bytes.isEmpty { break }
            if received.count < 4096 { received += bytes }
        }
        return received.starts(with: Array("HTTP/1.1 200 ".utf8))
    }

    /// How many containers the gateway has started, by its metrics; 0 where they are not to be had.
    static func coldStarts(socket: String) throws -> Int {
        let connection = try UnixSocket.connect(to: socket, sendingWithinMilliseconds: patience)
        try connection.send(Array("GET /metrics HTTP/1.1\r\nHost: bench\r\nConnection: close\r\n\r\n".utf8))
        let text = String(decoding: try connection.readToEnd(atMost: 4 << 20), as: UTF8.self)
        return text.split(separator: "\n").filter { $0.hasPrefix("czone_function_starts_total{") }
            .reduce(0) { $0 + (Int($1.split(separator: " ").last ?? "") ?? 0) }
    }
}
