import Events
import HTTPExchange
import NIOHTTP1

/// What of a request's and an answer's headers is passed on (RFC 9110, section 7.6), and what is added.
enum RequestHeaders {
    /// The head that a container gets.
    static func forwarded(_ head: HTTPRequestHead, to target: String, caller: Caller) -> HTTPRequestHead {
        var headers = head.headers.passedOn
        if caller.isUpgrade, let protocols = head.headers.first(name: "upgrade") {
            headers.add(name: "Connection", value: "upgrade")
            headers.add(name: "Upgrade", value: protocols)
        }
        headers.remove(name: "expect")
        // The operator's token is the gateway's.
        if caller.isAuthorized { headers.remove(name: "authorization") }
        if head.headers.contains(name: "transfer-encoding"), !headers.contains(name: "content-length") {
            headers.add(name: "Transfer-Encoding", value: "chunked")
        }
        let former = headers[canonicalForm: "x-forwarded-for"].joined(separator: ", ")
        headers.replaceOrAdd(
            name: "X-Forwarded-For", value: former.isEmpty ? caller.address : "\(former), \(caller.address)")
        headers.replaceOrAdd(name: "X-Forwarded-Proto", value: caller.isSecure ? "https" : "http")
        if let host = head.headers.first(name: "host") { headers.replaceOrAdd(name: "X-Forwarded-Host", value: host) }
        if !caller.prefix.isEmpty { headers.replaceOrAdd(name: "X-Forwarded-Prefix", value: caller.prefix) }
        headers.replaceOrAdd(name: "X-Request-Id", value: caller.requestID)
        headers.replaceOrAdd(name: "traceparent", value: caller.trace.text)
        return HTTPRequestHead(version: .http1_1, method: head.method, uri: target, headers: headers)
    }

    /// An answer's headers for the caller.
    static func answered(_ headers: HTTPHeaders, _ caller: Caller) -> HTTPHeaders {
        var passed = headers.passedOn
        passed.replaceOrAdd(name: "X-Request-Id", value: caller.requestID)
        return passed
    }

    /// The caller of a request, and how it came.
    struct Caller {
        var address = "unknown"
        var isSecure = false
        /// It brought a token of the gateway's.
        var isAuthorized = false
        var isUpgrade = false
        /// What the function sees of the target.
        var target = "/"
        /// `/NAME`, which the function does not see; empty under a name of its own.
        var prefix = ""
        var requestID = ""
        var trace = TraceContext.fresh()
    }

    /// The caller's id of the request, if it is one of 1 to 128 plain characters, else a new one.
    static func requestID(_ headers: HTTPHeaders) -> String {
        if let given = headers.first(name: "x-request-id"), (1...128).contains(given.utf8.count),
            given.utf8.allSatisfy({ (0x21...0x7E).contains($0) })
        {
            return given
        }
        return TraceContext.hexadecimal(UInt64.random(in: .min ... .max))
            + TraceContext.hexadecimal(UInt64.random(in: .min ... .max))
    }
}
