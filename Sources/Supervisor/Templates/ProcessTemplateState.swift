/// What the guest says of a template that has reached its point.
struct ProcessTemplateFacts: Equatable {
    /// From the execution of its program to its point, in microseconds.
    var reachedAfterMicroseconds: UInt64
    var threads: UInt32
    /// What its control group was charged with, in bytes.
    var memoryBytes: UInt64
}

/// Where a process template stands in its VM.
///
///     making ─reach→ ready
///        └──refuse──↘  ↓ refuse
///                  refused
enum ProcessTemplateState: Equatable, CustomStringConvertible {
    /// Its containers are being made, or its program runs and has not reached its point.
    case making
    /// It stands at its point: containers are copies of it.
    case ready(ProcessTemplateFacts)
    /// There is none, for this reason, for as long as the VM lives: containers start plainly.
    case refused(String)

    var description: String {
        switch self {
        case .making: "being made"
        case .ready: "ready"
        case .refused: "refused"
        }
    }

    /// Its program stands at its point: making → ready. False from any other state, which stays.
    mutating func reach(_ facts: ProcessTemplateFacts) -> Bool {
        guard self == .making else { return false }
        self = .ready(facts)
        return true
    }

    /// It is of no use: making or ready → refused. False for one that is refused: its first reason stays.
    mutating func refuse(_ reason: String) -> Bool {
        if case .refused = self { return false }
        self = .refused(reason)
        return true
    }
}
