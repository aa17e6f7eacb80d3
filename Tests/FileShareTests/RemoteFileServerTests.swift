import Glibc
import LinuxSystem
import Synchronization
import TestSupport
import Testing

@testable import FileShare

/// A VM's end of a file server, whose process is a thread of the test's, or nobody.
@Suite(.timeLimit(.minutes(1))) struct RemoteFileServerTests {
    private static let ioError: Int32 = -5

    private final class Losses: Sendable {
        private let texts = Mutex<[String]>([])
        private let reported: EventDescriptor

        init() throws(SystemError) { reported = try EventDescriptor() }

        func add(_ text: String) {
            texts.withLock { $0.append(text) }
            reported.signal()
        }

        /// Once there is one: the thread that has seen it reports it right after.
        var all: [String] {
            get throws {
                _ = try reported.descriptor.isReadable(by: Deadline(inMilliseconds: 5000))
                return texts.withLock { $0 }
            }
        }

        var areNone: Bool { texts.withLock { $0.isEmpty } }
    }

    private let remote: RemoteFileServer
    private let losses: Losses
    private let directory: TemporaryDirectory

    init() throws {
        // As the process does that serves: a VM that has gone is an error of that write.
        signal(SIGPIPE, SIG_IGN)
        directory = try TemporaryDirectory()
        losses = try Losses()
        var patience = FileServerPatience()
        (patience.step, patience.quiet, patience.sign, patience.answer) = (20, 3, 10, 40)
        remote = RemoteFileServer(patience)
        remote.observeLoss { [losses] in losses.add($0) }
    }

    /// Connects it; the far ends, the last for signs of life.
    private func connect() throws -> [OwnedDescriptor] {
        let pairs = try (0..<3).map { _ in try UnixSocket.pair() }
        #expect(remote.connect(pairs.map(\.0)))
        return pairs.map(\.1)
    }

    /// A process that serves these connections.
    private func serve(_ far: [OwnedDescriptor]) throws {
        let server = try FileServer(maxDescriptors: 64)
        let complaints = FileServerConnection.Complaints(of: server)
        for socket in far {
            _ = try Thread(named: "far") { FileServerConnection(socket, server, complaints).serve() }
        }
    }

    /// A request that FUSE knows, GETATTR of the root, with so many bytes behind it.
    private func request(_ unique: UInt64, padding: Int = 16) -> [UInt8] {
        let length = UInt32(40 + padding)
        return length.littleEndianBytes + UInt32(3).littleEndianBytes + unique.littleEndianBytes
            + UInt64(1).littleEndianBytes + [UInt8](repeating: 0, count: 16 + padding)
    }

    private func error(of reply: [UInt8]) -> Int32 {
        reply.count < 8
            ? 0 : Int32(bitPattern: (4..<8).reduce(UInt32(0)) { $0 | UInt32(reply[$1]) << (8 * UInt32($1 - 4)) })
    }

    private func seconds(_ body: () throws -> Void) rethrows -> Double {
        let start = MonotonicClock.nanoseconds
        try body()
        return Double(MonotonicClock.nanoseconds - start) / 1e9
    }

    @Test func anotherProcessServes() throws {
        try serve(try connect())
        let id = try remote.attach(try OwnedDescriptor(opening: directory.path, flags: O_RDONLY), .readOnly)
        #expect(id.count == 32)
        #expect(error(of: remote.answer(request(7), room: 4096)) == 0)
        remote.detach(id)
        #expect(throws: VolumeError.self) {
            try remote.attach(try OwnedDescriptor(opening: "/dev/null", flags: O_RDONLY), [])
        }
        #expect(remote.isServing && losses.areNone)
    }

    @Test func oneThatIsStoppedIsGivenUpByAllThatWaitForIt() throws {
        let far = try connect()
        let answered = try EventDescriptor()
        _ = try Thread(named: "other") { [remote] in
            remote.detach("x")
            answered.signal()
        }
        let taken = seconds {
            #expect(error(of: remote.answer(request(7), room: 4096)) == Self.ioError)
            #expect(error(of: remote.answer(request(8), room: 4096)) == Self.ioError)
        }
        // 3 steps, and 10 for the sign of life, which the other thread may be asking for before it.
        #expect((0.2..<5).contains(taken), "\(taken) s")
        #expect(try answered.descriptor.isReadable(by: Deadline(inMilliseconds: 5000)))
        #expect(!remote.isServing)
        #expect(try losses.all.count == 1)
        #expect(throws: VolumeError.serverGone) {
            try remote.attach(try OwnedDescriptor(opening: directory.path, flags: O_RDONLY), [])
        }
        // It learns of it when it goes on, and another serves by then.
        for socket in far.prefix(2) {
            while try !socket.read(atMost: 4096).isEmpty {}
        }
        try serve(try connect())
        #expect(error(of: remote.answer(request(9), room: 4096)) == 0)
        #expect(try losses.all.count == 1 && remote.isServing)
    }

    @Test func oneThatTakesNothingIsGivenUp() throws {
        let far = try connect()
        let taken = seconds {
            let long = request(7, padding: FileServer.maxData)
            // More than sockets hold: the rest waits for room.
            #expect(error(of: remote.answer(long, room: 4096)) == Self.ioError)
        }
        #expect(taken < 5, "\(taken) s")
        #expect(!remote.isServing)
        withExtendedLifetime(far) {}
    }

    @Test func oneThatHasEndedIsSeenAtOnce() throws {
        for socket in try connect() { socket.endConnection() }
        #expect(error(of: remote.answer(request(7), room: 4096)) == Self.ioError)
        #expect(try losses.all == ["it has ended"])
    }

    /// One whose disk is slow, but which lives.
    @Test func oneWithSignsOfLifeHasMoreTime() throws {
        let far = try connect()
        try serve([far[2]])
        _ = try Thread(named: "far") { [directory] in
            // Longer than it takes to give up one without.
            _ = try? wait(for: [], timeoutInMilliseconds: 500)
            guard let server = try? FileServer(maxDescriptors: 64) else { return }
            FileServerConnection(far[1], server, FileServerConnection.Complaints(of: server)).serve()
            withExtendedLifetime(directory) {}
        }
        #expect(error(of: remote.answer(request(7), room: 4096)) == 0)
        #expect(remote.isServing)
        // What the other connection carries is never answered: two that ask at a time come to it.
        let ask: @Sendable () -> Void = { [remote, request = request(8)] in
            while remote.isServing { _ = remote.answer(request, room: 4096) }
        }
        _ = try Thread(named: "other", ask)
        let taken = seconds(ask)
        #expect((0.5..<10).contains(taken), "\(taken) s")
        #expect(try losses.all == ["it has not answered within 0 s"])
    }
}
