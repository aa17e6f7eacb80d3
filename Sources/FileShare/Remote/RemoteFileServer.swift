public import LinuxSystem
import Synchronization
import SystemPackage

/// Volumes served by a process of their own, `czone-files`: the one that has a right to the host's files. This one, which
/// the guest may have taken over, has neither that right nor the volumes' descriptors.
///
/// A connection carries one request at a time, and there is one for each thread that asks, and one more for signs of life.
/// A server that has ended is seen at the next request; one that gives no sign of life, or is too slow (`FileServerPatience`),
/// is given up: all threads that wait for it are answered at once, what was attached is gone, and the guest gets EIO.
public final class RemoteFileServer: VolumeServer {
    /// A process that serves, as long as it does.
    private struct Server {
        /// Which one it is of those that have served.
        var number: UInt64
        var all: [OwnedDescriptor]
        var idle: [OwnedDescriptor]
        /// For signs of life.
        var watch: OwnedDescriptor
    }

    private let patience: FileServerPatience
    private let server = Mutex<Server?>(nil)
    private let servers = Atomic<UInt64>(0)
    /// Held by the thread that asks for a sign of life; taken with no other lock.
    private let probing = Mutex(())
    private let requests = Atomic<UInt64>(0)
    private let malformedRequests = Atomic<UInt64>(0)
    private let observer = Mutex<(@Sendable (String) -> Void)?>(nil)
    private let lossObserver = Mutex<(@Sendable (String) -> Void)?>(nil)

    public init(_ patience: FileServerPatience = .standard) { self.patience = patience }

    public var isServing: Bool { server.withLock { $0 != nil } }
    public var requestCount: UInt64 { requests.load(ordering: .relaxed) }
    public var malformedRequestCount: UInt64 { malformedRequests.load(ordering: .relaxed) }

    public func observeMalformedRequests(_ observer: @escaping @Sendable (String) -> Void) {
        self.observer.withLock { $0 = observer }
    }

    public func observeLoss(_ observer: @escaping @Sendable (String) -> Void) {
        lossObserver.withLock { $0 = observer }
    }

    public func connect(_ channels: [OwnedDescriptor]) -> Bool {
        guard channels.count > 1, let watch = channels.last else { return false }
        // What waits has a bound: nothing here blocks in reading or writing.
        for channel in channels { guard (try? channel.setNonBlocking()) != nil else { return false } }
        return server.withLock { server in
            guard server == nil else { return false }
            let number = servers.add(1, ordering: .relaxed).newValue
            server = Server(number: number, all: channels, idle: channels.dropLast(), watch: watch)
            return true
        }
    }

    public func attach(_ descriptor: OwnedDescriptor, _ options: VolumeOptions) throws(VolumeError) -> String {
        guard let reply = ask(.attach, UInt32(options.rawValue), [], FileServerFrame.maxText, descriptor) else {
            throw .serverGone
        }
        let text = String(decoding: reply.bytes, as: UTF8.self)
        if reply.isFailure { throw .refused(text) }
        return text
    }

    public func detach(_ id: String) { _ = ask(.detach, 0, Array(id.utf8), 0) }

    public func answer(_ bytes: [UInt8], room: Int) -> [UInt8] {
        requests.add(1, ordering: .relaxed)
        let room = min(room, FileServer.maxRequest)
        guard let reply = ask(.answer, UInt32(room), bytes, room) else {
            // fuse_in_header: the number of the request at byte 8.
            let unique = (8..<16).reduce(UInt64(0)) {
                $1 < bytes.count ? $0 | UInt64(bytes[$1]) << (8 * UInt64($1 - 8)) : $0
            }
            return room >= Reply.headerSize ? Reply.failure(.ioError, unique) : []
        }
        return reply.bytes
    }

    /// Nil where nobody serves, or not any more.
    private func ask(
        _ kind: FileServerFrame.Kind, _ detail: UInt32, _ bytes: [UInt8], _ room: Int,
        _ descriptor: OwnedDescriptor? = nil
    ) -> FileServerAnswer? {
        // As many threads as connections: one that asks finds one.
        let taken = server.withLock { server in
            server?.idle.popLast().map { (number: server?.number ?? 0, connection: $0) }
        }
        guard let (number, connection) = taken else { return nil }
        do throws(FileServerLoss) {
            var exchange = FileServerExchange(connection, patience) { [self] () throws(FileServerLoss) in
                try probe(number)
            }
            let answer = try exchange.ask(kind, detail, bytes, room, descriptor)
            server.withLock { if $0?.number == number { $0?.idle.append(connection) } }
            if !answer.complaint.isEmpty { noteMalformed(answer.complaint) }
            return answer
        } catch {
            lose(number, error)
            return nil
        }
    }

    /// Asks a server for a sign of life; how many steps it took.
    private func probe(_ number: UInt64) throws(FileServerLoss) -> Int {
        try probing.withLock { _ throws(FileServerLoss) in
            // Another thread may have given it up meanwhile.
            guard let watch = server.withLock({ $0?.number == number ? $0?.watch : nil }) else { throw .ended }
            var exchange = FileServerExchange(watch, patience.ofSigns) { () throws(FileServerLoss) in 0 }
            _ = try exchange.ask(.probe, 0, [], 0)
            return exchange.waited
        }
    }

    /// Gives a server up: another may take its place. Who waits for it sees the end of its connection.
    private func lose(_ number: UInt64, _ loss: FileServerLoss) {
        let lost = server.withLock { server -> Server? in
            guard server?.number == number else { return nil }
            defer { server = nil }
            return server
        }
        guard let lost else { return }
        for connection in lost.all { connection.endConnection() }
        lossObserver.withLock { $0 }?("\(loss)")
    }

    private func noteMalformed(_ reason: String) {
        malformedRequests.add(1, ordering: .relaxed)
        observer.withLock { $0 }?(reason)
    }
}
