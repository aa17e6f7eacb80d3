import LinuxSystem

/// What becomes of one request: for the access log and the function's account. On the request's event loop.
final class RequestRecord {
    struct Outcome {
        var status = 0
        var wasQueued = false
        var queueMicroseconds: UInt64 = 0
        var runMicroseconds: UInt64 = 0
        var bytesIn = 0
        var bytesOut = 0
    }

    /// So often a request that was not begun goes to another container.
    private static let maxAttempts = 5

    let line: AccessLine
    private let account: FunctionAccount
    private let log: AccessLog
    private let cameAt = MonotonicClock.nanoseconds
    private var gotContainerAt: UInt64 = 0
    private var attempts = 0
    private var wasQueued = false
    private var container = ""
    private var hasEnded = false
    var status = 0
    var bytesIn = 0
    var bytesOut = 0

    init(_ line: AccessLine, _ account: FunctionAccount, _ log: AccessLog) {
        self.line = line
        self.account = account
        self.log = log
    }

    var ageInMilliseconds: Int64 { Int64((MonotonicClock.nanoseconds - cameAt) / 1_000_000) }
    var mayMoveOn: Bool { attempts < Self.maxAttempts }

    func gotContainer(_ lease: Lease) {
        attempts += 1
        if gotContainerAt == 0 { gotContainerAt = MonotonicClock.nanoseconds }
        wasQueued = wasQueued || lease.wasQueued
        container = lease.container.id
    }

    func gotSandbox() {
        if gotContainerAt == 0 { gotContainerAt = MonotonicClock.nanoseconds }
        container = "sandbox"
    }

    /// - Parameter reason: why there was no whole answer; nil: there was.
    func end(_ reason: String?) {
        guard !hasEnded else { return }
        hasEnded = true
        let now = MonotonicClock.nanoseconds
        let got = gotContainerAt == 0 ? now : gotContainerAt
        let outcome = Outcome(
            status: reason != nil && status < 400 ? 0 : status, wasQueued: wasQueued,
            queueMicroseconds: (got - cameAt) / 1000,
            runMicroseconds: (now - got) / 1000, bytesIn: bytesIn, bytesOut: bytesOut)
        account.note(outcome)
        log.write(line, outcome, container: container, reason: reason)
    }
}
