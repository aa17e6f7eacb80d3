import Glibc
public import LinuxSystem
import Synchronization

/// A server of a test's own at a free port of the loopback interface: each connection has a thread. It ends with its last
/// owner.
public final class LocalServer: Sendable {
    public let port: UInt16
    private let stop: OwnedDescriptor

    /// - Parameter serve: gets each connection; it is closed when that returns.
    public init(_ serve: @escaping @Sendable (OwnedDescriptor) -> Void) throws {
        let listener = try TCPSocket.listen(at: "127.0.0.1", port: 0)
        port = try TCPSocket.port(of: listener)
        let (reader, writer) = try OwnedDescriptor.pipe()
        stop = writer
        _ = try Thread(named: "server") {
            while let ready = try? wait(
                for: [(listener, .readable), (reader, .readable)], timeoutInMilliseconds: -1), ready[1].isEmpty
            {
                guard let connection = listener.accept() else { continue }
                try? connection.setNonBlocking(false)
                _ = try? Thread(named: "connection") { serve(connection) }
            }
        }
    }

    /// A server of HTTP/1.1: what is answered to a request, as bytes; nil: nothing, until the other side goes.
    ///
    /// - Parameter answer: gets method, path and the lines of the header.
    public static func http(
        _ answer: @escaping @Sendable (_ method: String, _ path: String, _ headers: [String]) -> [UInt8]?
    ) throws -> LocalServer {
        try LocalServer { connection in
            while let (head, _) = request(from: connection) {
                let words = head[0].split(separator: " ").map(String.init)
                guard words.count == 3, let bytes = answer(words[0], words[1], Array(head.dropFirst())) else {
                    _ = try? connection.read(atMost: 1)
                    return
                }
                guard (try? connection.write(all: bytes)) != nil else { return }
            }
        }
    }

    /// An answer as `http` gives it.
    public static func answer(
        _ status: Int, _ body: [UInt8] = [], headers: [String] = [], announcing length: Int? = nil
    ) -> [UInt8] {
        let lines = ["HTTP/1.1 \(status) X", "Content-Length: \(length ?? body.count)"] + headers
        return Array((lines.joined(separator: "\r\n") + "\r\n\r\n").utf8) + body
    }

    /// The lines of a header, and the body.
    private static func request(from connection: OwnedDescriptor) -> ([String], [UInt8])? {
        var bytes: [UInt8] = []
        let end = Array("\r\n\r\n".utf8)
        while true {
            if let place = bytes.indices.first(where: { bytes[$0...].starts(with: end) }) {
                let lines = String(decoding: bytes[..<place], as: UTF8.self).split(separator: "\r\n").map(String.init)
                let length = lines.first { $0.lowercased().hasPrefix("content-length:") }.flatMap {
                    Int($0.dropFirst(15).filter(\.isNumber))
                }
                var body = Array(bytes[(place + 4)...])
                while body.count < length ?? 0 {
                    guard let more = try? connection.read(atMost: 1 << 16), !more.isEmpty else { return nil }
                    body += more
                }
                return (lines, body)
            }
            guard let more = try? connection.read(atMost: 1 << 16), !more.isEmpty else { return nil }
            bytes += more
        }
    }

    /// A server that passes everything on to another one, until that has sent so many bytes: then it calls `end`, and closes
    /// the connection.
    public static func relay(
        to port: UInt16, atMost limit: Int, end: @escaping @Sendable () -> Void
    ) throws -> LocalServer {
        let passed = Count()
        return try LocalServer { client in
            guard let server = try? TCPSocket.connect(to: "127.0.0.1", port: port) else { return }
            _ = try? Thread(named: "relay") {
                while let bytes = try? client.read(atMost: 1 << 16), !bytes.isEmpty {
                    guard (try? server.write(all: bytes)) != nil else { break }
                }
                shutdown(server.rawValue, CInt(SHUT_RDWR))
            }
            while let bytes = try? server.read(atMost: 1 << 14), !bytes.isEmpty {
                if passed.value.add(bytes.count, ordering: .relaxed).newValue > limit {
                    end()
                    break
                }
                guard (try? client.write(all: bytes)) != nil else { break }
            }
            shutdown(client.rawValue, CInt(SHUT_RDWR))
        }
    }
}

private final class Count: Sendable {
    let value = Atomic(0)
}
