import LeanJSON
import SandboxProtocol
import TraceRuntime

/// Functions that modules import, in the order of their numbers.
enum HostFunction: UInt32, CaseIterable {
    case abort, fetch, now, random, answer, log

    var name: StaticString {
        switch self {
        case .abort: "abort"
        case .fetch: "fetch"
        case .now: "now"
        case .random: "random"
        case .answer: "answer"
        case .log: "log"
        }
    }

    /// A letter for each: i for i32.
    var parameters: StaticString {
        switch self {
        case .abort: "i"
        case .fetch, .log: "iii"
        case .answer: "ii"
        case .now, .random: ""
        }
    }

    var result: CChar { self == .now || self == .random ? CChar(UInt8(ascii: "d")) : 0 }
}

/// Checks what modules hand over. Each thing is a copy by then, which the module cannot change.
enum HostCalls {
    /// The request of JSON text that the run-time library makes: `{url, method?, headers?, body?}`.
    ///
    /// - Throws: `violation` for what that library never makes, `value` for what no client sends.
    static func request(_ number: Int, _ json: [UInt8]) throws(Abort) -> ExternalCall {
        // Half a surrogate pair, which is no text.
        guard let document = JSONValue(json) else { throw Abort(reason: .value, site: -1) }
        guard let url = document["url"]?.text, document.members?.keys.allSatisfy(isKnown) == true else {
            throw Abort(reason: .violation, site: -1)
        }
        let method = document["method"]?.text ?? "GET"
        var headers: [String: String] = [:]
        for (name, value) in document["headers"]?.members ?? [:] {
            guard let value = value.text else { throw Abort(reason: .violation, site: -1) }
            guard headers.updateValue(value, forKey: name.lowercased()) == nil else {
                throw Abort(reason: .value, site: -1)
            }
        }
        let call = ExternalCall(
            number: number, method: method, url: url, headers: headers, body: document["body"]?.text)
        guard call.isSendable else { throw Abort(reason: .value, site: -1) }
        return call
    }

    private static func isKnown(_ key: String) -> Bool { ["url", "method", "headers", "body"].contains(key) }

    /// A JSON object of headers, for the run-time library.
    static func headerText(_ headers: [String: String]) -> [UInt8] {
        var writer = JSONWriter()
        for (name, value) in headers.sorted(by: { $0.key < $1.key }) { writer.text(name.lowercased(), value) }
        return writer.object
    }
}
