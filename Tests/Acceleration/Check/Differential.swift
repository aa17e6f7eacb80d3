import Acceleration
import LinuxSystem
import Sandbox
import SandboxProtocol
import Synchronization

/// Compares compiled code with node: the same answer, calls and log, or an abort whose journal is a beginning of node's.
struct Differential {
    let engine: SandboxEngine
    let compiler: FunctionCompiler
    let directory: String

    private(set) var cases = 0
    private(set) var aborts: [String: Int] = [:]
    private(set) var differences: [String] = []
    /// Where the most aborts were.
    private(set) var places: [String: Int] = [:]

    init(engine: SandboxEngine, compiler: FunctionCompiler, directory: String) {
        self.engine = engine
        self.compiler = compiler
        self.directory = directory
    }

    mutating func run(_ batch: Batch, name: String) throws {
        let (code, report) = try compiler.compile(batch.trace)
        let path = "\(directory)/batch.cwasm"
        try FileSystem.replace(path, with: code)
        let module = try SandboxModule(engine, path: path)
        for (number, item) in batch.cases.enumerated() {
            cases += 1
            let activation = try Activation(module, surroundings: Self.surroundings())
            let progress = finish(activation, item)
            if case .aborted(let abort) = progress {
                aborts["\(abort.reason)", default: 0] += 1
                places[report.describe(abort), default: 0] += 1
            }
            if let difference = compare(progress, activation.journal, item) {
                differences.append(
                    "\(name) case \(number): \(String(decoding: item.arguments, as: UTF8.self)): \(difference)")
            }
        }
    }

    /// The same as oracle.cjs has them.
    private static func surroundings() -> Activation.Surroundings {
        let readings = Counter()
        return Activation.Surroundings(
            now: { 1_700_000_000_000 + 7 * Double(readings.next()) },
            random: { Double((readings.next() * 7919) % 1000) / 1024 })
    }

    private func finish(_ activation: Activation, _ item: Batch.Case) -> Activation.Progress {
        var progress = activation.start(item.arguments)
        var waiting: [ExternalCall] = []
        while case .waiting(let calls) = progress {
            waiting += calls
            guard !waiting.isEmpty else { return progress }
            let call = waiting.removeFirst()
            guard call.number < item.calls.count else { return progress }
            let answer = item.calls[call.number]
            progress = activation.resume(
                call.number, with: ExternalAnswer(status: answer.status, headers: answer.headers, body: answer.body))
        }
        return progress
    }

    private func compare(_ progress: Activation.Progress, _ journal: Journal, _ item: Batch.Case) -> String? {
        let calls = journal.calls.map(Self.line)
        let expected = item.calls.map(\.line)
        let logs = journal.entries.compactMap { entry -> String? in
            if case .log(_, let line) = entry { String(decoding: line, as: UTF8.self) } else { nil }
        }
        guard expected.starts(with: calls) else { return "calls \(calls), node's are \(expected)" }
        guard item.logs.starts(with: logs) else { return "log \(logs), node's is \(item.logs)" }
        let answer = journal.result.map { String(decoding: $0, as: UTF8.self) }
        if journal.hasResult {
            guard item.outcome == "answer" || item.outcome == "undefined" else {
                return "answer \(answer ?? "undefined"), node has \(item.outcome) \(item.answer)"
            }
            guard answer ?? "" == item.answer else {
                return "answer \(answer ?? "undefined"), node's is \(item.answer)"
            }
        }
        switch progress {
        case .aborted: return nil
        case .waiting: return "it waits, node has \(item.outcome)"
        case .finished:
            guard calls == expected else { return "calls \(calls), node's are \(expected)" }
            return logs == item.logs ? nil : "log \(logs), node's is \(item.logs)"
        }
    }

    private static func line(_ call: ExternalCall) -> String {
        let headers = call.headers.map { "\($0.key): \($0.value)" }.sorted().joined(separator: "|")
        return "\(call.method) \(call.url) \(headers) \(call.body ?? "-")"
    }
}

private final class Counter: Sendable {
    private let value = Atomic(0)
    func next() -> Int { value.add(1, ordering: .relaxed).oldValue }
}
