import Acceleration
import LinuxSystem
import Sandbox
import SandboxProtocol

/// How fast a sandbox serves a handler's events, over its socket, and what an instance costs in this process.
struct Bench {
    /// Events that are on their way at once, as a gateway has them.
    static let window = 32

    let batch: Batch

    /// Events a second through a `czone-sandbox`, whose external calls are answered at once.
    ///
    /// - Parameter isChecked: an answer that is not node's is an error.
    func serve(socket: String, count: Int, isChecked: Bool = false) throws -> Double {
        let client = try SandboxClient(socket: socket)
        let began = MonotonicClock.nanoseconds
        let deadline = Deadline(inMilliseconds: 120_000)
        var started = 0
        var ended = 0
        func start() throws {
            try client.start(UInt32(started), arguments: batch.cases[started % batch.cases.count].arguments)
            started += 1
        }
        while started < min(Self.window, count) { try start() }
        while ended < count {
            guard let frame = try client.next(by: deadline) else {
                throw BatchError(description: "\(socket): no answer to event \(ended)")
            }
            switch frame.kind {
            case .call:
                let item = batch.cases[Int(frame.event) % batch.cases.count]
                let number = try number(of: frame)
                guard number < item.calls.count else {
                    throw BatchError(description: "\(socket): a call that node has not")
                }
                let answer = item.calls[number]
                try client.answer(
                    frame.event, call: number,
                    ExternalAnswer(status: answer.status, headers: answer.headers, body: answer.body))
            case .result:
                let expected = batch.cases[Int(frame.event) % batch.cases.count].answer
                guard !isChecked || Array(expected.utf8) == Array(frame.payload.dropFirst()) else {
                    throw BatchError(
                        description:
                            "\(String(decoding: frame.payload.dropFirst(), as: UTF8.self)), expected \(expected)")
                }
            case .end, .abort:
                ended += 1
                if started < count { try start() }
            default: throw BatchError(description: "\(socket): a frame that sandboxes do not send")
            }
        }
        return Double(count) / (Double(MonotonicClock.nanoseconds - began) / 1e9)
    }

    private func number(of frame: SandboxFrame) throws -> Int {
        guard let call = frame.callNumber else { throw BatchError(description: "a call without a number") }
        return call
    }

    /// Microseconds to make and release an instance.
    func instanceMicroseconds(_ module: SandboxModule, count: Int) throws -> Double {
        let began = MonotonicClock.nanoseconds
        for _ in 0..<count { _ = try Activation(module) }
        return Double(MonotonicClock.nanoseconds - began) / Double(count) / 1000
    }

    /// Microseconds for an event in this process, an instance of its own included.
    func eventMicroseconds(_ module: SandboxModule, count: Int) throws -> Double {
        let began = MonotonicClock.nanoseconds
        for number in 0..<count {
            let item = batch.cases[number % batch.cases.count]
            let activation = try Activation(module)
            var progress = activation.start(item.arguments)
            var waiting: [ExternalCall] = []
            while case .waiting(let calls) = progress {
                waiting += calls
                guard let call = waiting.first, call.number < item.calls.count else { break }
                waiting.removeFirst()
                let answer = item.calls[call.number]
                progress = activation.resume(
                    call.number,
                    with: ExternalAnswer(status: answer.status, headers: answer.headers, body: answer.body))
            }
        }
        return Double(MonotonicClock.nanoseconds - began) / Double(count) / 1000
    }
}
