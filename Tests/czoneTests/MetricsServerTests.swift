import LinuxSystem
import Testing

@testable import czone

@Test(arguments: [
    ("9095", ListenAddress(host: "127.0.0.1", port: 9095)), ("0.0.0.0:80", ListenAddress(host: "0.0.0.0", port: 80)),
    ("[::1]:80", ListenAddress(host: "::1", port: 80)), ("::1:80", nil), (":80", nil), ("1.2.3.4", nil),
    ("1.2.3.4:65536", nil), ("", nil),
])
func addressesAreReadStrictly(text: String, address: ListenAddress?) {
    #expect(ListenAddress(argument: text) == address)
}

@Test(
    arguments: [
        ("GET /metrics HTTP/1.1\r\nHost: a\r\n\r\n", .answer(.metrics)),
        ("GET /metrics HTTP/1.0\n\n", .answer(.metrics)),
        ("GET /metrics?a=b HTTP/1.1\r\n\r\n", .answer(.metrics)),
        ("POST /metrics HTTP/1.1\r\n\r\n", .answer(.wrongMethod)),
        ("GET / HTTP/1.1\r\n\r\n", .answer(.notFound)), ("GET /metrics\r\n\r\n", .answer(.badRequest)),
        ("\r\n\r\n", .answer(.badRequest)), ("GET /metrics HTTP/1.1\r\nHost: a\r\n", .incomplete), ("", .incomplete),
    ] as [(String, MetricsRequest.Parsed)])
func requestsAreReadStrictly(text: String, parsed: MetricsRequest.Parsed) {
    #expect(MetricsRequest.parse(Array(text.utf8)) == parsed)
}

@Test func aHeadWithoutEndIsRefused() {
    #expect(MetricsRequest.parse(Array(repeating: 65, count: MetricsRequest.maxBytes)) == .answer(.tooLong))
}

/// A server without a network: its listening socket is a path's.
private final class Bench {
    let path: String
    let server: MetricsServer
    /// How often metrics were collected.
    let counter: Counter

    final class Counter { var count = 0 }

    init(collect: @escaping () throws -> [UInt8] = { Array("czone_vms 0\n".utf8) }) throws {
        path = "/tmp/czone-metrics-\(RandomBytes.bytes(6).map { String($0, radix: 16) }.joined())"
        let listener = try UnixSocket.listen(at: path)
        try listener.setNonBlocking()
        let counter = Counter()
        self.counter = counter
        server = MetricsServer(on: listener) {
            counter.count += 1
            return try collect()
        }
    }

    deinit { try? FileSystem.removeFile(path) }

    func ask(_ request: String) throws -> String {
        let socket = try UnixSocket.connect(to: path)
        try socket.send(Array(request.utf8))
        return try answer(on: socket)
    }

    func answer(on socket: OwnedDescriptor) throws -> String {
        var answer: [UInt8] = []
        for _ in 0..<100 {
            while try !wait(for: [(socket, .readable)], timeoutInMilliseconds: 0)[0].isEmpty {
                let bytes = try socket.read(atMost: 1 << 16)
                guard !bytes.isEmpty else { return String(decoding: answer, as: UTF8.self) }
                answer += bytes
            }
            try server.step()
        }
        return "no end"
    }
}

@Test func aScrapeIsAnswered() throws {
    let bench = try Bench()
    let answer = try bench.ask("GET /metrics HTTP/1.1\r\n\r\n")
    #expect(
        answer == """
            HTTP/1.1 200 OK\r
            Content-Type: text/plain; version=0.0.4; charset=utf-8\r
            Content-Length: 12\r
            Connection: close\r
            \r
            czone_vms 0

            """)
    #expect(try bench.ask("GET /metrics HTTP/1.1\r\n\r\n") == answer)
    // Twice within a second.
    #expect(bench.counter.count == 1)
    #expect(try bench.ask("GET /else HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 404 Not Found\r\n"))
}

@Test func whatCannotBeCollectedIsAServersFault() throws {
    struct Failure: Error {}
    let bench = try Bench { throw Failure() }
    #expect(try bench.ask("GET /metrics HTTP/1.1\r\n\r\n").hasPrefix("HTTP/1.1 500 "))
}

@Test func clientsThatSayNothingKeepNobodyOut() throws {
    let bench = try Bench()
    let silent = try (0..<20).map { _ in try UnixSocket.connect(to: bench.path) }
    // All that there is room for, until their time is over; then the others, and who asks.
    let began = MonotonicClock.nanoseconds
    let socket = try UnixSocket.connect(to: bench.path)
    try socket.send(Array("GET /metrics HTTP/1.1\r\n\r\n".utf8))
    #expect(try bench.answer(on: socket).hasPrefix("HTTP/1.1 200 OK"))
    #expect(MonotonicClock.nanoseconds - began < 20_000_000_000)
    withExtendedLifetime(silent) {}
}
