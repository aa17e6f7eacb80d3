import LinuxSystem
import OCI
import Runtime
import TestSupport
import Testing

@testable import TemplateRegistry
@testable import TemplateTransfer

/// Registries that are slow, that lie, or that want passwords for others.
@Suite struct HostileRegistryTests {
    private func failure(
        limit: Int = 20, silence: Int? = nil, credentials: RegistryCredentials = .none,
        _ answer: @escaping @Sendable (String, String, [String]) -> [UInt8]?
    ) throws -> String {
        let (server, user) = (try LocalServer.http(answer), try TransferHost())
        let client = try user.client(
            "127.0.0.1:\(server.port)", credentials: credentials, limit: limit, silence: silence)
        let error = #expect(throws: (any Error).self) { try user.pull(client) }
        #expect(try user.hasNothing())
        return "\(try #require(error))"
    }

    @Test func aSilentRegistryIsGivenUp() throws {
        let text = try failure(silence: 1) { _, _, _ in nil }
        #expect(text.contains("has neither sent nor taken anything for 1 s"), "\(text)")
    }

    @Test func aSlowRegistryIsBoundedToo() throws {
        let server = try LocalServer { connection in
            _ = try? connection.read(atMost: 1 << 16)
            try? connection.write(all: Array("HTTP/1.1 200 OK\r\nContent-Length: 1000\r\n\r\n".utf8))
            // A byte each 100 ms, until nobody reads them.
            let timer = try? TimerDescriptor()
            while let timer, (try? connection.write(all: [0x20])) != nil {
                timer.arm(inMilliseconds: 100)
                _ = try? timer.descriptor.isReadable(by: Deadline(inMilliseconds: 5000))
                timer.drain()
            }
        }
        let user = try TransferHost()
        let client = try user.client("127.0.0.1:\(server.port)", limit: 2, silence: 1)
        let begun = MonotonicClock.nanoseconds
        let error = #expect(throws: (any Error).self) { try user.pull(client) }
        #expect("\(try #require(error))".contains("has not ended within 2 s"), "\(String(describing: error))")
        #expect(MonotonicClock.nanoseconds - begun < 15_000_000_000)
    }

    @Test func anAnswerWithoutAnEndIsNotRead() throws {
        let text = try failure { _, _, _ in
            LocalServer.answer(200, [UInt8](repeating: 0x20, count: TemplateManifest.maxBytes + 100))
        }
        #expect(text.contains("more than \(TemplateManifest.maxBytes) bytes"), "\(text)")
    }

    @Test func anAnswerThatEndsEarlyIsNone() throws {
        let server = try LocalServer { connection in
            _ = try? connection.read(atMost: 1 << 16)
            try? connection.write(all: LocalServer.answer(200, Array("{}".utf8), announcing: 1000))
        }
        let user = try TransferHost()
        let error = #expect(throws: (any Error).self) { try user.pull(user.client("127.0.0.1:\(server.port)")) }
        #expect(
            "\(try #require(error))".contains("127.0.0.1:\(server.port) cannot be reached"),
            "\(String(describing: error))")
    }

    @Test func whatIsNoHTTPIsNone() throws {
        let text = try failure { _, _, _ in Array("SSH-2.0-OpenSSH\r\n\r\n".utf8) }
        #expect(text.contains("cannot be reached"), "\(text)")
    }

    @Test func aRefusalIsPassedOnBounded() throws {
        let words = #"{"errors":[{"code":"X","message":"go\u001b[31m away"}]}"#
        let text = try failure { _, _, _ in LocalServer.answer(503, Array(words.utf8)) }
        #expect(text.contains("status 503, \"go?[31m away\""), "\(text)")
        #expect(!text.contains("\u{1b}"))
    }

    @Test func redirectionsLeadNowhereElse() throws {
        #expect(
            try failure { _, _, _ in
                LocalServer.answer(307, headers: ["Location: http://registry.example/v2/"])
            }.contains("a redirection to http://registry.example, which is not by TLS"))
        #expect(
            try failure { _, path, _ in LocalServer.answer(307, headers: ["Location: \(path)"]) }.contains(
                "redirections"))
        #expect(try failure { _, _, _ in LocalServer.answer(307) }.contains("a redirection to \"\""))
    }

    private static func credentials(_ port: UInt16) throws -> RegistryCredentials {
        let text = #"{"auths": {"127.0.0.1:\#(port)": {"username": "u", "password": "p"}}}"#
        return try RegistryCredentials(Array(text.utf8), file: "f")
    }

    @Test func aTokenIsFetchedWithThePasswordAndUsed() throws {
        let tokens = try LocalServer.http { _, path, headers in
            guard path == "/token?service=reg&scope=repository%3At%2Fpython%3Apull",
                headers.contains("Authorization: Basic dTpw")
            else { return LocalServer.answer(400) }
            return LocalServer.answer(200, Array(#"{"token":"abc"}"#.utf8))
        }
        let realm = "http://127.0.0.1:\(tokens.port)/token"
        let server = try LocalServer.http { _, _, headers in
            guard headers.contains("Authorization: Bearer abc") else {
                let challenge = #"Bearer realm="\#(realm)",service="reg",scope="repository:t/python:pull""#
                return LocalServer.answer(401, headers: ["WWW-Authenticate: \(challenge)"])
            }
            return LocalServer.answer(404)
        }
        let user = try TransferHost()
        let client = try user.client("127.0.0.1:\(server.port)", credentials: Self.credentials(server.port))
        #expect(try !client.has(Digest(of: [1])))
        // Those of another registry are not sent to this one.
        let stranger = try user.client("127.0.0.1:\(server.port)", credentials: Self.credentials(1))
        let error = #expect(throws: TransferError.self) { try stranger.has(Digest(of: [1])) }
        #expect("\(try #require(error))".contains("there are no credentials for 127.0.0.1:\(server.port)"))
    }

    @Test func aPasswordGoesToNobodyInTheClear() throws {
        let server = try LocalServer.http { _, _, _ in
            LocalServer.answer(401, headers: [#"WWW-Authenticate: Bearer realm="http://tokens.example/x""#])
        }
        let user = try TransferHost()
        let client = try user.client("127.0.0.1:\(server.port)", credentials: Self.credentials(server.port))
        let error = #expect(throws: TransferError.self) { try client.has(Digest(of: [1])) }
        #expect("\(try #require(error))".contains("tokens come from http://tokens.example, and not by TLS"))
        #expect(throws: TransferError.self) { try user.client("registry.example:5000") }
    }

    @Test func aRegistryWithoutRangesSendsWholePacks() throws {
        let pack = (0..<8).flatMap { TransferHost.chunk($0) }
        let server = try LocalServer.http { _, _, _ in LocalServer.answer(200, pack) }
        let user = try TransferHost()
        let client = try user.client("127.0.0.1:\(server.port)")
        #expect(try client.part(Digest(of: pack), 65536..<131_072, ofSize: pack.count) == TransferHost.chunk(1))
        let short = try LocalServer.http { _, _, _ in LocalServer.answer(206, Array(pack.prefix(100))) }
        let liar = try user.client("127.0.0.1:\(short.port)")
        let error = #expect(throws: TransferError.self) {
            try liar.part(Digest(of: pack), 0..<65536, ofSize: pack.count)
        }
        #expect("\(try #require(error))".contains("100 bytes of the pack"))
    }

    @Test func requestsShareAConnection() throws {
        let connections = try LocalServer { connection in
            var count = 0
            while let bytes = try? connection.read(atMost: 1 << 16), !bytes.isEmpty {
                count += 1
                guard (try? connection.write(all: LocalServer.answer(count == 3 ? 200 : 404))) != nil else { return }
            }
        }
        let client = try TransferHost().client("127.0.0.1:\(connections.port)")
        #expect(try (0..<3).map { _ in try client.has(Digest(of: [1])) } == [false, false, true])
    }
}
