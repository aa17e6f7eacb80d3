import LinuxSystem
import SystemPackage

/// What is asked of a `TrafficServer`, and how long it takes.
public struct TrafficLoad {
    private static let maxMilliseconds: CInt = 120_000

    private let host: String

    /// - Parameter host: the server's address in numbers.
    public init(to host: String) { self.host = host }

    private func connect() throws(SystemError) -> OwnedDescriptor {
        try TCPSocket.connect(to: host, port: TrafficServer.port)
    }

    /// Sends so many bytes; milliseconds until the server has them all.
    public func send(bytes: Int) throws -> Double {
        let socket = try connect()
        let piece = [UInt8](repeating: 0x78, count: TrafficServer.pieceSize)
        let start = MonotonicClock.nanoseconds
        try socket.write(all: [TrafficServer.Purpose.sink.rawValue])
        var rest = bytes
        while rest > 0 { rest -= try socket.write(some: piece[..<min(rest, piece.count)]) }
        socket.endWriting()
        guard try socket.isReadable(by: Deadline(inMilliseconds: Self.maxMilliseconds)),
            try socket.read(atMost: 1).count == 1
        else { throw Self.ended(host) }
        return Self.milliseconds(since: start)
    }

    /// Receives so many bytes; milliseconds.
    public func receive(bytes: Int) throws -> Double {
        let socket = try connect()
        var buffer = [UInt8](repeating: 0, count: TrafficServer.pieceSize)
        let start = MonotonicClock.nanoseconds
        try socket.write(all: [TrafficServer.Purpose.source.rawValue] + UInt64(bytes).littleEndianBytes)
        var rest = bytes
        while rest > 0 {
            let count = try socket.read(into: &buffer, from: 0)
            guard count > 0 else { throw Self.ended(host) }
            rest -= count
        }
        return Self.milliseconds(since: start)
    }

    /// One byte there and back, so many times; the median in milliseconds.
    public func roundTrips(_ count: Int) throws -> Double {
        let socket = try connect()
        try socket.write(all: [TrafficServer.Purpose.echo.rawValue])
        var times = Measurements()
        for _ in 0..<count {
            let start = MonotonicClock.nanoseconds
            try socket.write(all: [1])
            guard try socket.read(atMost: 1).count == 1 else { throw Self.ended(host) }
            times.add(Self.milliseconds(since: start))
        }
        return times.median
    }

    /// HTTP requests of 1 KiB, so many in all, over connections that stay; milliseconds.
    public func requests(_ count: Int, connections: Int) throws -> Double {
        let loop = try EventLoop()
        var (started, finished) = (0, 0)
        var failure: SystemError?
        var buffer = [UInt8](repeating: 0, count: TrafficServer.pieceSize)
        let sockets = try (0..<connections).map { _ in try connect() }
        let start = MonotonicClock.nanoseconds
        for socket in sockets {
            var missing = TrafficServer.response.count
            try loop.add(socket, for: .readable) { _ in
                do throws(SystemError) {
                    let read = try socket.read(into: &buffer, from: 0)
                    guard read > 0 else { throw SystemError("read a response", .connectionReset) }
                    missing -= read
                    guard missing == 0 else { return }
                    (missing, finished) = (TrafficServer.response.count, finished + 1)
                    guard started < count else { return }
                    started += 1
                    try socket.write(all: TrafficServer.request)
                } catch {
                    failure = error
                }
            }
            started += 1
            try socket.write(all: TrafficServer.request)
        }
        while finished < max(count, connections) {
            let events = try loop.runOnce(timeoutInMilliseconds: Self.maxMilliseconds)
            if let failure { throw failure }
            guard events > 0 else { throw Self.ended(host) }
        }
        return Self.milliseconds(since: start)
    }

    private static func milliseconds(since start: UInt64) -> Double {
        Double(MonotonicClock.nanoseconds - start) / 1e6
    }

    private static func ended(_ host: String) -> Stopwatch.Failed {
        Stopwatch.Failed(description: "the traffic server at \(host) has ended, or was silent for two minutes")
    }
}
