import LeanJSON
import LinuxSystem

/// What node has made of a source with some inputs (differential.cjs).
struct Batch {
    struct Case {
        let arguments: [UInt8]
        /// answer, undefined, exception, waits.
        let outcome: String
        let answer: String
        let calls: [Call]
        let logs: [String]
    }

    struct Call {
        /// Method, address, headers and body.
        let line: String
        let status: Int
        let headers: [String: String]
        let body: [UInt8]
    }

    let trace: [UInt8]
    let cases: [Case]

    init(path: String) throws {
        guard let bytes = try FileSystem.contents(of: path, atMost: 256 << 20), let document = JSONValue(bytes),
            let trace = document["trace"]?.text, let cases = document["cases"]?.elements
        else { throw BatchError(description: "\(path): expected what differential.cjs writes") }
        self.trace = Array(trace.utf8)
        self.cases = try cases.map { value in
            guard let arguments = value["arguments"]?.text, let outcome = value["outcome"]?.text,
                let answer = value["answer"]?.text
            else { throw BatchError(description: "\(path): expected arguments, outcome and answer in each case") }
            return Case(
                arguments: Array(arguments.utf8), outcome: outcome, answer: answer,
                calls: (value["calls"]?.elements ?? []).map(Self.call),
                logs: (value["logs"]?.elements ?? []).compactMap(\.text))
        }
    }

    private static func call(_ value: JSONValue) -> Call {
        Call(
            line: value["line"]?.text ?? "", status: Int(value["status"]?.number ?? 0),
            headers: (value["headers"]?.members ?? [:]).compactMapValues(\.text),
            body: Array((value["body"]?.text ?? "").utf8))
    }
}

struct BatchError: Error, CustomStringConvertible {
    let description: String
}
