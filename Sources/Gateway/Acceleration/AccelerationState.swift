import Events

/// Where a version of a function stands on its way to compiled code. A pure value; times are milliseconds of a clock that
/// never goes back.
///
///     container ─a container starts→ tracing ─its trace has come→ compiling ─→ sandbox, or compiled where it is only observed
///         ▲ └─────── that container ends ┘                           │          │ its process ends ⇄ restarting
///         └────────────── waiting ◀─ too many aborts ────────────────┼──────────┘
///                                                                    └─▶ off (as after the last trip)
struct AccelerationState: Equatable, Sendable {
    enum Stage: Equatable, Sendable {
        /// Containers have the events; the next one that starts traces.
        case container
        /// This container has probes, and so many events were in it.
        case tracing(container: UInt64, events: Int)
        case compiling
        /// It is only observed.
        case compiled
        case sandbox
        /// The process has ended; the next begins then.
        case restarting(at: Int64)
        case waiting(until: Int64)
        /// For this version.
        case off(String)

        var word: String {
            switch self {
            case .container: "container"
            case .tracing: "tracing"
            case .compiling: "compiling"
            case .compiled: "compiled"
            case .sandbox: "sandbox"
            case .restarting: "restarting"
            case .waiting: "waiting"
            case .off: "off"
            }
        }

        static let words = [
            "container", "tracing", "compiling", "compiled", "sandbox", "restarting", "waiting", "off",
        ]
    }

    /// What is to be done by the owner.
    enum Action: Equatable {
        case nothing
        /// New containers, of which the first one traces.
        case renewContainers
        case startSandbox
        /// It serves no more events.
        case endSandbox
    }

    /// When a tracing container is asked for what it has.
    enum TraceTime: Equatable {
        case notYet
        /// After a while, in milliseconds.
        case after(Int64)
        case now
    }

    /// A trace is asked for after so many events, or so long after the first.
    static let traceEvents = 32
    static let traceWait: Int64 = 2000
    static let firstRestart: Int64 = 1000
    static let lastRestart: Int64 = 60_000

    let mode: FunctionDefinition.Acceleration
    private(set) var stage: Stage
    private(set) var breaker = Breaker()
    private var restartWait = Self.firstRestart
    /// The last abort, for the reason of an end.
    private var lastAbort = ""

    init(_ mode: FunctionDefinition.Acceleration, missing: String? = nil) {
        self.mode = mode
        stage = mode == .off ? .off("") : missing.map { .off($0) } ?? .container
    }

    // MARK: Tracing

    /// A container starts: whether it is the one that traces.
    mutating func containerBegins(_ number: UInt64) -> Bool {
        guard case .container = stage else { return false }
        stage = .tracing(container: number, events: 0)
        return true
    }

    /// A container has ended: another one traces, where this one had not.
    mutating func containerEnds(_ number: UInt64) {
        if case .tracing(number, _) = stage { stage = .container }
    }

    /// An event has ended in a container.
    mutating func eventEnds(in container: UInt64) -> TraceTime {
        guard case .tracing(container, let events) = stage else { return .notYet }
        stage = .tracing(container: container, events: events + 1)
        if events + 1 == Self.traceEvents { return .now }
        return events == 0 ? .after(Self.traceWait) : .notYet
    }

    /// Whether a container's trace is still wanted.
    func wantsTrace(of container: UInt64) -> Bool {
        if case .tracing(container, _) = stage { true } else { false }
    }

    /// A container's trace has come; whether it was wanted.
    mutating func traced(by container: UInt64) -> Bool {
        guard case .tracing(container, _) = stage else { return false }
        stage = .compiling
        return true
    }

    // MARK: Compiled code

    mutating func compiled() -> Action {
        guard case .compiling = stage else { return .nothing }
        stage = mode == .observe ? .compiled : .sandbox
        return mode == .observe ? .nothing : .startSandbox
    }

    /// The same source is not compiled the next time either.
    mutating func failed(_ reason: String) {
        if case .off = stage { return }
        stage = .off(reason)
    }

    /// The sandbox's process has ended, or could not be begun.
    mutating func sandboxEnded(at now: Int64) {
        guard case .sandbox = stage else { return }
        stage = .restarting(at: now + restartWait)
        restartWait = min(restartWait * 2, Self.lastRestart)
    }

    /// An event was served by compiled code.
    mutating func noteServed(at now: Int64) {
        restartWait = Self.firstRestart
        _ = breaker.note(aborted: false, at: now)
    }

    /// An event was aborted. Stragglers of a process that serves no more do not count.
    mutating func noteAbort(_ reason: String, at now: Int64) -> Action {
        guard case .sandbox = stage else { return .nothing }
        lastAbort = reason
        switch breaker.note(aborted: true, at: now) {
        case .goOn: return .nothing
        case .wait(let until): stage = .waiting(until: until)
        case .giveUp:
            stage = .off(
                "more than \(Breaker.maxAborts) of \(Breaker.window) events were aborted, \(Breaker.maxTrips) times; "
                    + "last: \(lastAbort)")
        }
        return .endSandbox
    }

    mutating func tick(at now: Int64) -> Action {
        switch stage {
        case .waiting(let until) where now >= until:
            stage = .container
            return .renewContainers
        case .restarting(let time) where now >= time:
            stage = .sandbox
            return .startSandbox
        default: return .nothing
        }
    }
}
