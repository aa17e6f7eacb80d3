import LinuxSystem
import NIOPosix
import Synchronization
import Testing

@testable import Gateway

/// The gateway's front before servers in this process, asked byte by byte.
@Suite struct FrontTests {
    /// A front with one function, `f`, and a directory that goes with it.
    final class Front: Sendable {
        let log = ServerLog()
        let catalog: FunctionCatalog
        private let directory: String

        init(_ fields: String = "", failure: String? = nil, losses: Int = 0) async throws {
            directory = "/tmp/czone-front-" + RandomBytes.bytes(6).map { String($0, radix: 16) }.joined()
            try FileSystem.makeDirectory(directory)
            let group = MultiThreadedEventLoopGroup.singleton
            let starter = LocalStarter(group, log, failure: failure, losses: losses)
            catalog = FunctionCatalog(directory: directory, starter: starter)
            try FileSystem.replace("\(directory)/f.yaml", with: Array("name: f\nimage: i\n\(fields)\n".utf8))
            catalog.load()
            _ = try await FrontListener.listen(
                at: "\(directory)/socket", group: group, router: Router(catalog, AccessLog(nil), OriginClient()))
        }

        deinit {
            catalog.close()
            for name in ["f.yaml", "socket"] { try? FileSystem.removeFile("\(directory)/\(name)") }
            try? FileSystem.removeDirectory(directory)
        }

        func connect() throws -> OwnedDescriptor { try UnixSocket.connect(to: "\(directory)/socket") }

        /// All that comes back until the connection's end, or until the text has come; at most ten seconds.
        func ask(_ text: String, until end: String? = nil, on socket: OwnedDescriptor? = nil) throws -> String {
            let socket = try socket ?? connect()
            try socket.send(Array(text.utf8))
            return try read(socket, until: end)
        }

        func read(_ socket: OwnedDescriptor, until end: String? = nil) throws -> String {
            var received = ""
            let deadline = Deadline(inMilliseconds: 10_000)
            while try socket.isReadable(by: deadline) {
                guard let bytes = try? socket.read(atMost: 65536), !bytes.isEmpty else { break }
                received += String(decoding: bytes, as: UTF8.self)
                if let end, received.contains(end) { break }
            }
            return received
        }
    }

    private func get(_ path: String, _ headers: String = "Connection: close\r\n", method: String = "GET") -> String {
        "\(method) \(path) HTTP/1.1\r\nHost: h\r\n\(headers)\r\n"
    }

    /// Until something is so, at most ten seconds.
    private func waits(until isSo: () -> Bool) async throws {
        for _ in 0..<2000 where !isSo() { try await Task.sleep(for: .milliseconds(5)) }
        #expect(isSo())
    }

    @Test func requestsOfOneConnectionAreAnsweredInTheirOrderByOneContainer() async throws {
        let front = try await Front()
        let answer = try front.ask(
            get("/f/a?b", "Content-Length: 3\r\n", method: "POST") + "one"
                + get("/f/b", "Connection: close\r\nTransfer-Encoding: chunked\r\n", method: "POST")
                + "3\r\ntwo\r\n0\r\n\r\n")
        let parts = answer.split(separator: "HTTP/1.1 200 OK")
        #expect(parts.count == 2 && parts[0].hasSuffix("\r\n\r\none") && parts[1].hasSuffix("\r\n\r\ntwo"))
        #expect(front.log.all == ["start", "connect", "POST /a?b", "POST /b"])
    }

    @Test func anAnswerToHEADHasALengthAndNoBody() async throws {
        let front = try await Front()
        let answer = try front.ask(get("/f/length", "", method: "HEAD") + get("/f/x"))
        #expect(answer.contains("Content-Length: 5\r\n") && answer.split(separator: "200 OK").count == 3)
    }

    @Test func whatIsNoRequestOrNoFunctionIsRefused() async throws {
        let front = try await Front()
        #expect(try front.ask(get("/g")).hasPrefix("HTTP/1.1 404"))
        #expect(try front.ask(get("http://x/")).hasPrefix("HTTP/1.1 400"))
        #expect(try front.ask(get("x:1", method: "CONNECT")).hasPrefix("HTTP/1.1 400"))
        #expect(try front.ask("nonsense\r\n\r\n").hasPrefix("HTTP/1.1 400"))
        // Both lengths at once: what follows could be taken for another request.
        let smuggled = get("/f/x", "Content-Length: 5\r\nTransfer-Encoding: chunked\r\n", method: "POST")
        #expect(try front.ask(smuggled + "0\r\n\r\n").hasPrefix("HTTP/1.1 400"))
        #expect(front.log.all.isEmpty)
    }

    @Test func aHeadWithoutEndIsCutOff() async throws {
        let front = try await Front()
        let socket = try front.connect()
        // It is closed somewhere in the midst.
        try? socket.send(
            Array(
                ("GET /f/ HTTP/1.1\r\n"
                    + String(repeating: "X: " + String(repeating: "y", count: 1000) + "\r\n", count: 2000)).utf8))
        #expect(try !front.read(socket).contains("200 OK"))
        #expect(front.log.all.isEmpty)
    }

    @Test func aRequestThatWasBegunIsNotSentTwice() async throws {
        let front = try await Front()
        let answer = try front.ask(get("/f/close"))
        #expect(answer.hasPrefix("HTTP/1.1 502") && answer.contains("without an answer"))
        #expect(front.log.count("GET /close") == 1)
    }

    @Test func itIsSentAgainWhereTheFunctionSaysSo() async throws {
        let front = try await Front("retry: true")
        #expect(try front.ask(get("/f/close")).hasPrefix("HTTP/1.1 502"))
        #expect((2...5).contains(front.log.count("GET /close")))
        // Of an answer that has begun nothing is sent again.
        #expect(try front.ask(get("/f/half")).hasSuffix("half"))
        #expect(front.log.count("GET /half") == 1)
    }

    @Test func aContainerThatDoesNotAnswerInTimeEnds() async throws {
        let front = try await Front("timeout: 200ms")
        #expect(try front.ask(get("/f/silent")).hasPrefix("HTTP/1.1 504"))
        #expect(front.log.count("end") == 1)
        #expect(try front.ask(get("/f/x")).hasPrefix("HTTP/1.1 200"))
    }

    @Test func aFullQueueAndAFailedStartAreReported() async throws {
        let full = try await Front("queue: 1\nscale: {max: 1}\ntimeout: 60s")
        let first = try full.connect()
        try first.send(Array(get("/f/silent").utf8))
        try await waits { full.log.count("GET /silent") == 1 }
        let second = try full.connect()
        try second.send(Array(get("/f/x").utf8))
        try await waits { full.catalog.service("f")?.snapshot.waiting == 1 }
        let answer = try full.ask(get("/f/x"))
        #expect(answer.hasPrefix("HTTP/1.1 429") && answer.contains("Retry-After: 1"))
        // The caller that has a container goes: the next gets it.
        first.endConnection()
        #expect(try full.read(second).hasPrefix("HTTP/1.1 200"))
        let failing = try await Front(failure: "no memory")
        let refusal = try failing.ask(get("/f/x"))
        #expect(refusal.hasPrefix("HTTP/1.1 503") && refusal.contains("no memory"))
    }

    @Test func aStartWhoseVMIsLostIsTriedAgain() async throws {
        let front = try await Front(losses: 3)
        #expect(try front.ask(get("/f/x")).hasPrefix("HTTP/1.1 200"))
        #expect(front.log.count("start") == 4)
        let failing = try await Front(losses: .max)
        #expect(try failing.ask(get("/f/x")).hasPrefix("HTTP/1.1 503"))
        #expect(failing.log.count("start") == 4)
    }

    @Test func aSlowReaderHoldsTheContainerBack() async throws {
        let front = try await Front()
        let socket = try front.connect()
        try socket.send(Array(get("/f/endless").utf8))
        #expect(try front.read(socket, until: "200 OK").contains("200 OK"))
        try await Task.sleep(for: .milliseconds(500))
        let held = front.log.bytes.load(ordering: .relaxed)
        try await Task.sleep(for: .milliseconds(500))
        #expect(front.log.bytes.load(ordering: .relaxed) == held && held < 8 << 20)
        socket.endConnection()
    }

    @Test func aSlowContainerHoldsTheCallerBack() async throws {
        let front = try await Front()
        let socket = try front.connect()
        try socket.setNonBlocking()
        let chunk = [UInt8](repeating: 1, count: 65536)
        try socket.send(Array(get("/f/swallow-nothing", "Content-Length: 1000000000\r\n", method: "POST").utf8))
        var sent = 0
        while sent < 64 << 20, !(try wait(for: [(socket, .writable)], timeoutInMilliseconds: 1000)[0].isEmpty) {
            sent += (try? socket.write(some: chunk[...])) ?? 0
        }
        #expect(sent < 8 << 20)
        socket.endConnection()
    }
}
