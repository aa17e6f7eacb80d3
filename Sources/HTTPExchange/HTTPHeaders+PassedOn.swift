package import NIOHTTP1

extension HTTPHeaders {
    /// About one connection, and not passed on (RFC 9110, section 7.6.1); those that `Connection` names are neither.
    private static let hopByHop = [
        "connection", "keep-alive", "proxy-connection", "proxy-authenticate", "proxy-authorization", "te", "trailer",
        "transfer-encoding", "upgrade",
    ]

    /// Without what is about one connection.
    package var passedOn: HTTPHeaders {
        var passed = self
        for name in self[canonicalForm: "connection"] where name != "close" && name != "keep-alive" {
            // What frames the body is ours to say, whatever the caller names.
            if name.lowercased() != "content-length" { passed.remove(name: String(name)) }
        }
        for name in Self.hopByHop { passed.remove(name: name) }
        return passed
    }
}
