import AgentProtocol
import ControlProtocol

/// A process template of this VM, or that there is none. Protected by the device lock.
final class ProcessTemplate {
    /// From 1; never given twice in a VM's life.
    let number: UInt32
    let identity: ProcessTemplateIdentity
    /// Its program and arguments, as one line.
    let command: String
    private(set) var state = ProcessTemplateState.making
    /// Holds its process namespace; nil: not asked for yet.
    var holder: ContainerNumber?
    /// Its process's; nil: not asked for yet.
    var container: ContainerNumber?
    /// Of its way to its point.
    var deadline: Deadlines.Token?
    /// Copies that failed one after the other before it is given up: each costs its container an attempt.
    private static let maxFailures = 3

    /// Why the last container that was to be its copy is none; empty: it is one, or there was none.
    private var lastRefusal = ""
    /// How many in a row were to be its copies and are none.
    private var failureCount = 0
    /// Is called once, when it is ready, or refused and nothing is left of it.
    private var onSettled: (() -> Void)?

    init(
        number: UInt32, _ identity: ProcessTemplateIdentity, command: String,
        onSettled: (() -> Void)? = nil
    ) {
        self.number = number
        self.identity = identity
        self.command = command
        self.onSettled = onSettled
    }

    /// Its place in the guest, for a container that is to be its copy; nil where there can be none.
    var origin: ContainerNumber? {
        if case .ready = state { container } else { nil }
    }

    /// What a copy of it writes until it is ready, in bytes: a third of its memory, by experience (Python, Node); 0 before
    /// its point.
    var expectedBytes: UInt64 {
        if case .ready(let facts) = state { facts.memoryBytes / 3 } else { 0 }
    }

    var isRefused: Bool {
        if case .refused = state { true } else { false }
    }

    /// making → ready; false where it is not being made.
    func reach(_ facts: ProcessTemplateFacts) -> Bool {
        guard state.reach(facts) else { return false }
        settle()
        return true
    }

    /// making or ready → refused; false where it is refused already.
    func refuse(_ reason: String) -> Bool { state.refuse(reason) }

    /// A container is its copy, or started plainly for this reason. Returns why it is of no use any more, if so.
    func noteCopy(refusal: String) -> String? {
        lastRefusal = refusal
        failureCount = refusal.isEmpty ? 0 : failureCount + 1
        guard failureCount >= Self.maxFailures else { return nil }
        return "\(failureCount) copies of it failed one after the other: \(refusal)"
    }

    /// Nothing is left of it in the guest.
    func noteDeletion() { settle() }

    private func settle() {
        let action = onSettled
        onSettled = nil
        action?()
    }

    /// - Parameter instances: containers that are copies of it now.
    func report(instances: Int) -> ProcessTemplateReport {
        var report = ProcessTemplateReport(
            number: number, state: .making, reason: lastRefusal, instances: UInt32(instances), command: command)
        switch state {
        case .making: break
        case .ready(let facts):
            report.state = .ready
            report.reachedAfterMicroseconds = facts.reachedAfterMicroseconds
            report.threads = facts.threads
            report.memoryBytes = facts.memoryBytes
        case .refused(let reason):
            report.state = .refused
            report.reason = reason
        }
        return report
    }
}
