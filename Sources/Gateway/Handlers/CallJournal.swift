import SandboxProtocol

/// An event's external calls and what came of them, in their order: what goes on with the event elsewhere is answered from it,
/// so that nothing is done twice. A pure value.
struct CallJournal: Sendable {
    private enum Entry: Sendable {
        case call(ExternalCall)
        case answered(Int, ExternalAnswer)
    }

    /// What becomes of a call.
    enum Verdict: Equatable {
        /// It is made.
        case make
        /// It was made before: its answer is, or will be, among what `ready` gives.
        case replayed
        /// It is another call than the journal has here: it is made, and replay has ended.
        case differs(expected: ExternalCall)
    }

    private var entries: [Entry] = []
    /// Calls by their number, when replaying: those of the journal, and those that were asked for again.
    private var recorded: [Int: ExternalCall] = [:]
    private var asked: Set<Int> = []
    /// Answers that were not given again yet, in their order.
    private var answers: [(number: Int, answer: ExternalAnswer)] = []
    private(set) var isReplaying = false

    var isEmpty: Bool { entries.isEmpty }

    mutating func note(_ call: ExternalCall) { entries.append(.call(call)) }
    mutating func note(_ answer: ExternalAnswer, to number: Int) { entries.append(.answered(number, answer)) }

    /// From now on calls are compared with what is there. All have their answers.
    mutating func beginReplay() {
        isReplaying = true
        (recorded, asked, answers) = ([:], [], [])
        for entry in entries {
            switch entry {
            case .call(let call): recorded[call.number] = call
            case .answered(let number, let answer): answers.append((number, answer))
            }
        }
    }

    /// A call of the one that goes on with the event.
    mutating func take(_ call: ExternalCall) -> Verdict {
        guard isReplaying, let expected = recorded[call.number] else { return .make }
        guard call.asksTheSame(as: expected) else {
            isReplaying = false
            return .differs(expected: expected)
        }
        asked.insert(call.number)
        return .replayed
    }

    /// Answers that can be given now: in the journal's order, none before its call.
    mutating func ready() -> [(number: Int, answer: ExternalAnswer)] {
        var ready: [(number: Int, answer: ExternalAnswer)] = []
        while let first = answers.first, asked.contains(first.number) || !isReplaying {
            answers.removeFirst()
            // After a difference what was asked for is still answered.
            if asked.contains(first.number) { ready.append(first) }
        }
        return ready
    }

    /// Calls that were made before, and not asked for again.
    var unasked: [ExternalCall] { recorded.keys.sorted().filter { !asked.contains($0) }.compactMap { recorded[$0] } }
}
