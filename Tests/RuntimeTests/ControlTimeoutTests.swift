import ControlProtocol
import Glibc
import LinuxSystem
import Synchronization
import SystemPackage
import Testing

@testable import Runtime

extension ControlTimeouts {
    fileprivate static var short: ControlTimeouts {
        var timeouts = ControlTimeouts()
        (timeouts.sending, timeouts.signOfLife, timeouts.answer) = (200, 200, 1000)
        return timeouts
    }
}

/// How long the body took, in milliseconds.
private func time(_ body: () throws -> Void) rethrows -> UInt64 {
    let start = MonotonicClock.nanoseconds
    try body()
    return (MonotonicClock.nanoseconds - start) / 1_000_000
}

private func isSilent(_ error: (any Error)?) -> Bool {
    if case RuntimeError.silent? = error { true } else { false }
}

@Suite(.timeLimit(.minutes(1))) struct ControlTimeoutTests {
    /// A connection, and its VM: what it answers to the requests that it knows.
    private func connection(
        _ answer: @escaping @Sendable (ControlRequest) -> ControlReply?
    ) throws -> (ControlConnection, requests: Requests) {
        let (mine, theirs) = try UnixSocket.pair()
        let requests = Requests()
        _ = try Thread(named: "fake-vm") {
            var decoder = ControlFrameDecoder<ControlRequest>()
            while let bytes = try? theirs.read(atMost: 65536), !bytes.isEmpty {
                decoder.append(bytes)
                while let frame = try? decoder.next() {
                    requests.add(frame.content)
                    guard let reply = answer(frame.content) else { continue }
                    try? theirs.send((try? ControlFrame(request: frame.request, content: reply).bytes()) ?? [])
                }
            }
        }
        return (ControlConnection(mine, machine: "vm", timeouts: .short), requests)
    }

    @Test func aVMThatGivesNoSignOfLifeIsSilent() throws {
        let (connection, requests) = try connection { _ in nil }
        let taken = time {
            let error = #expect(throws: RuntimeError.self) { try connection.ask(.nodes) }
            #expect(isSilent(error))
            #expect("\(error.map { "\($0)" } ?? "")".hasPrefix("the VM vm has not answered within 0 s"))
        }
        #expect((400..<900).contains(taken))
        #expect(requests.all == [.nodes, .describe(measured: false)])
    }

    @Test func aVMWhoseGuestIsSlowHasAllItsTime() throws {
        let (connection, requests) = try connection { request in
            guard case .describe = request else { return nil }
            return .done
        }
        let taken = time { #expect(isSilent(#expect(throws: RuntimeError.self) { try connection.ask(.nodes) })) }
        #expect((1000..<1800).contains(taken))
        #expect(requests.all.count >= 3)
    }

    @Test func theSignOfLifeIsNoAnswer() throws {
        let (connection, _) = try connection { request in
            if case .describe = request { .done } else { nil }
        }
        let number = try connection.send(.nodes)
        let error = #expect(throws: RuntimeError.self) { try connection.receive() }
        #expect(isSilent(error))
        #expect(number == 1)
    }

    @Test func aPeerThatTakesNothingEndsTheSending() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/socket"
        let listening = try UnixSocket.listen(at: path)
        let socket = try UnixSocket.connect(to: path, sendingWithinMilliseconds: 200)
        let taken = time {
            let error = #expect(throws: SystemError.self) { try socket.send([UInt8](repeating: 0, count: 8 << 20)) }
            #expect(error?.errno == .resourceTemporarilyUnavailable)
        }
        #expect(taken < 2000)
        withExtendedLifetime(listening) {}
    }

    @Test func aFullQueueOfConnectionsIsWaitedForNoLonger() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/socket"
        let listening = try UnixSocket.listen(at: path, backlog: 1)
        var connected: [OwnedDescriptor] = []
        let taken = time {
            let error = #expect(throws: SystemError.self) {
                for _ in 0..<10 {
                    connected.append(try UnixSocket.connect(to: path, sendingWithinMilliseconds: 200))
                }
            }
            #expect(error?.errno == .resourceTemporarilyUnavailable)
        }
        #expect(taken < 2000)
        withExtendedLifetime(listening) {}
    }

    @Test func aLockIsWaitedForNoLongerAndNotKeptByWhoGaveUp() throws {
        let directory = try TemporaryDirectory()
        func open() throws -> OwnedDescriptor {
            try OwnedDescriptor(opening: "\(directory.path)/lock", flags: O_RDWR | O_CREAT)
        }
        var holder: OwnedDescriptor? = try open()
        try holder?.takeLock(.exclusive)
        let error = #expect(throws: SystemError.self) {
            try open().takeLock(.exclusive, withinMilliseconds: 100)
        }
        #expect(error?.errno == .timedOut)
        holder = nil
        // The thread that waited for it may just be letting go of it.
        try open().takeLock(.exclusive, withinMilliseconds: 5000)
        #expect(try open().tryLock(.exclusive))
    }

    @Test func aLockIsTakenAsSoonAsItIsFree() throws {
        let directory = try TemporaryDirectory()
        let path = "\(directory.path)/lock"
        let holder = try OwnedDescriptor(opening: path, flags: O_RDWR | O_CREAT)
        try holder.takeLock(.exclusive)
        _ = try Thread(named: "holder") {
            _ = try? wait(for: [], timeoutInMilliseconds: 100)
            flock(holder.rawValue, LOCK_UN)
        }
        let waiter = try OwnedDescriptor(opening: path, flags: O_RDWR)
        let taken = try time { try waiter.takeLock(.exclusive, withinMilliseconds: 10_000) }
        #expect((50..<5000).contains(taken))
        #expect(try !OwnedDescriptor(opening: path, flags: O_RDWR).tryLock(.shared))
    }
}

/// What was requested, for several threads.
private final class Requests: Sendable {
    private let requests = Mutex<[ControlRequest]>([])
    var all: [ControlRequest] { requests.withLock { $0 } }
    func add(_ request: ControlRequest) { requests.withLock { $0.append(request) } }
}
