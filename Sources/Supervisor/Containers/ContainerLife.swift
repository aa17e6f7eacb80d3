import ControlProtocol

/// Where a container stands between its request and the return of its zone.
///
///     creating ─confirmCreated→ created ─start→ starting ─confirmRunning→ running ⇄ paused
///         └──────────────────────── confirmRunning ─────────────────────────↗
///     creating, created, starting, running, paused ─end→ ending ─remove→ removed
enum ContainerState: Equatable, CustomStringConvertible {
    /// The agent has been asked for it, or will be once the VM is ready; its zone is being plugged.
    case creating
    /// Its first process is there and has not executed its program.
    case created
    /// The agent has been asked to have the program executed.
    case starting
    case running
    /// Its processes are frozen.
    case paused
    /// Its first process has ended, or never came to be; what is left of it is removed and its zone returned.
    case ending(ExitRecord)
    /// Nothing of it is left, or its zone is quarantined.
    case removed(ExitRecord)

    var description: String {
        switch self {
        case .creating: "being created"
        case .created: "created"
        case .starting: "starting"
        case .running: "running"
        case .paused: "paused"
        case .ending: "ending"
        case .removed: "removed"
        }
    }
}

/// A step that a container cannot take from where it stands.
struct ContainerStateError: Error, Equatable, CustomStringConvertible {
    let step: String
    let state: ContainerState

    var description: String { "cannot \(step) a container that is \(state)" }
}

/// A container's state and the only steps that change it: a pure value.
struct ContainerLife: Equatable {
    private(set) var state = ContainerState.creating

    /// How it ended, once it has.
    var exit: ExitRecord? {
        switch state {
        case .ending(let record), .removed(let record): record
        case .creating, .created, .starting, .running, .paused: nil
        }
    }

    /// Its first process is there, though it may not have executed its program.
    var hasProcess: Bool {
        switch state {
        case .created, .starting, .running, .paused: true
        case .creating, .ending, .removed: false
        }
    }

    /// Its program runs, or rests.
    var isRunning: Bool { state == .running || state == .paused }

    /// Its first process is there and waits for `start`: creating → created.
    mutating func confirmCreated() throws(ContainerStateError) {
        guard state == .creating else { throw illegal("create") }
        state = .created
    }

    /// Its program is to be executed: created → starting.
    mutating func start() throws(ContainerStateError) {
        guard state == .created else { throw illegal("start") }
        state = .starting
    }

    /// Its program runs: creating or starting → running.
    mutating func confirmRunning() throws(ContainerStateError) {
        guard state == .creating || state == .starting else { throw illegal("run") }
        state = .running
    }

    /// Its processes are frozen: running → paused. A paused one stays so.
    mutating func pause() throws(ContainerStateError) {
        guard isRunning else { throw illegal("pause") }
        state = .paused
    }

    /// Its processes run again: paused → running. A running one stays so.
    mutating func resume() throws(ContainerStateError) {
        guard isRunning else { throw illegal("resume") }
        state = .running
    }

    /// It has ended, once: any but ending and removed → ending.
    mutating func end(_ record: ExitRecord) throws(ContainerStateError) {
        guard exit == nil else { throw illegal("end") }
        state = .ending(record)
    }

    /// Nothing is left of it: ending → removed.
    mutating func remove() throws(ContainerStateError) {
        guard case .ending(let record) = state else { throw illegal("remove") }
        state = .removed(record)
    }

    private func illegal(_ step: String) -> ContainerStateError { ContainerStateError(step: step, state: state) }
}

extension ContainerState {
    /// As clients see it.
    var report: ContainerReport.State {
        switch self {
        case .creating, .created, .starting: .starting
        case .running: .running
        case .paused: .paused
        case .ending, .removed: .ending
        }
    }
}
