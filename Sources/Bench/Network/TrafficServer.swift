public import LinuxSystem
import SystemPackage

/// The far end of what `TrafficLoad` does. A connection's first byte says what it is for.
///
/// One thread; ends with its process.
public final class TrafficServer {
    /// What it prints when it listens.
    public static let listeningLine = "czone: the traffic server listens"
    public static let port: UInt16 = 5201

    /// The kinds of connections.
    enum Purpose: UInt8 {
        /// Bytes come until their end; one byte answers that all came.
        case sink = 0x53
        /// The number of bytes that are wanted (8 bytes, little-endian); as many come.
        case source = 0x52
        /// Each byte comes back.
        case echo = 0x45
        /// Requests of HTTP/1.1; the first letter of GET.
        case requests = 0x47
    }

    /// 1 KiB of body.
    static let response = Array(
        ("HTTP/1.1 200 OK\r\nContent-Type: text/plain\r\nContent-Length: 1024\r\n\r\n"
            + String(repeating: "x", count: 1024)).utf8)
    static let request = Array("GET / HTTP/1.1\r\nHost: bench\r\n\r\n".utf8)
    static let pieceSize = 256 << 10

    private let loop: EventLoop
    private let listener: OwnedDescriptor
    private var buffer = [UInt8](repeating: 0, count: TrafficServer.pieceSize)

    /// Listens at every IPv4 address.
    public init() throws(SystemError) {
        loop = try EventLoop()
        listener = try TCPSocket.listen(at: "0.0.0.0", port: Self.port, backlog: 128)
    }

    /// Says that it listens, and serves until it fails.
    public func run() throws(SystemError) {
        try loop.add(listener, for: .readable) { [self] _ in
            while let connection = listener.accept() { begin(connection) }
        }
        try StandardStream.output.descriptor.write(all: Array((Self.listeningLine + "\n").utf8))
        try loop.run()
    }

    private func begin(_ socket: OwnedDescriptor) {
        guard (try? TCPSocket.sendAtOnce(socket)) != nil, (try? socket.setNonBlocking()) != nil else { return }
        let connection = Connection(socket: socket)
        try? loop.add(socket, for: .readable) { [self] _ in
            do throws(SystemError) {
                if try !proceed(connection) { loop.remove(socket) }
            } catch {
                // A peer that has gone is served no more.
                if error.errno != .resourceTemporarilyUnavailable { loop.remove(socket) }
            }
        }
    }

    private final class Connection {
        let socket: OwnedDescriptor
        var purpose: Purpose?
        /// Of a source: the bytes of the number that came, then how many are still to go.
        var head: [UInt8] = []
        var wanted: UInt64 = 0
        /// The bytes of the request that is coming.
        var requestSize = 0

        init(socket: OwnedDescriptor) { self.socket = socket }
    }

    /// Goes on with a connection that is ready; false at its end.
    private func proceed(_ connection: Connection) throws(SystemError) -> Bool {
        if connection.wanted > 0 { return try send(connection) }
        let count = try connection.socket.read(into: &buffer, from: 0)
        guard count > 0 else {
            if connection.purpose == .sink { _ = try connection.socket.write(some: [1]) }
            return false
        }
        var first = 0
        if connection.purpose == nil {
            guard let purpose = Purpose(rawValue: buffer[0]) else { return false }
            connection.purpose = purpose
            // A request's first byte is a part of it.
            first = purpose == .requests ? 0 : 1
        }
        switch connection.purpose {
        case .echo where count > first: _ = try connection.socket.write(some: buffer[first..<count])
        case .requests: try answer(connection, bytes: count)
        case .source: return try begin(connection, buffer[first..<count])
        default: break
        }
        return true
    }

    private func answer(_ connection: Connection, bytes: Int) throws(SystemError) {
        connection.requestSize += bytes
        while connection.requestSize >= Self.request.count {
            connection.requestSize -= Self.request.count
            _ = try connection.socket.write(some: Self.response[...])
        }
    }

    private func begin(_ connection: Connection, _ bytes: ArraySlice<UInt8>) throws(SystemError) -> Bool {
        connection.head += bytes
        guard connection.head.count >= 8 else { return true }
        connection.wanted = connection.head.prefix(8).reversed().reduce(0) { $0 << 8 | UInt64($1) }
        try loop.modify(connection.socket, for: .writable)
        return true
    }

    private func send(_ connection: Connection) throws(SystemError) -> Bool {
        let piece = Int(min(connection.wanted, UInt64(buffer.count)))
        connection.wanted -= UInt64(try connection.socket.write(some: buffer[..<piece]))
        return connection.wanted > 0
    }
}
