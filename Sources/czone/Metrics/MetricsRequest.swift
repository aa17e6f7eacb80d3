/// The head of an HTTP request, as far as a server of one page needs it (RFC 9112 §3).
struct MetricsRequest: Equatable {
    /// No head is longer: what is, is refused.
    static let maxBytes = 8192

    enum Parsed: Equatable {
        /// The head is not whole yet.
        case incomplete
        case answer(Answer)
    }

    enum Answer: String {
        case metrics = "200 OK"
        case badRequest = "400 Bad Request"
        case notFound = "404 Not Found"
        case wrongMethod = "405 Method Not Allowed"
        case tooLong = "431 Request Header Fields Too Large"
    }

    /// What is to be answered to what has come so far.
    static func parse(_ bytes: [UInt8]) -> Parsed {
        guard let end = end(of: bytes) else { return bytes.count >= maxBytes ? .answer(.tooLong) : .incomplete }
        guard end <= maxBytes else { return .answer(.tooLong) }
        let line = bytes.prefix { $0 != UInt8(ascii: "\r") && $0 != UInt8(ascii: "\n") }
        let words = line.split(separator: UInt8(ascii: " "), omittingEmptySubsequences: false)
        guard words.count == 3, words[2].starts(with: Array("HTTP/1.".utf8)) else { return .answer(.badRequest) }
        let path = String(decoding: words[1].prefix { $0 != UInt8(ascii: "?") }, as: UTF8.self)
        guard path == "/metrics" else { return .answer(.notFound) }
        return .answer(words[0].elementsEqual("GET".utf8) ? .metrics : .wrongMethod)
    }

    /// Behind the empty line that ends the head.
    private static func end(of bytes: [UInt8]) -> Int? {
        var lineIsEmpty = false
        for (index, byte) in bytes.enumerated() {
            if byte == UInt8(ascii: "\n") {
                if lineIsEmpty { return index + 1 }
                lineIsEmpty = true
            } else if byte != UInt8(ascii: "\r") {
                lineIsEmpty = false
            }
        }
        return nil
    }
}
