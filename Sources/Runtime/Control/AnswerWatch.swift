import LinuxSystem

/// Decides for how long a VM's answer is waited for: until its time is over, or the VM gives no sign of life.
///
/// The caller calls `heard` when anything has come from the VM, and `check` when nothing has for `patience`.
public struct AnswerWatch: Sendable {
    public enum Verdict: Equatable, Sendable {
        case wait
        /// Ask the VM's process something that it answers itself, whatever its guest does.
        case probe
        /// It is waited for no longer: so many milliseconds have passed.
        case silent(milliseconds: CInt)
    }

    private let limit: CInt
    private let signOfLife: CInt
    private let deadline: Deadline
    private var quietUntil: Deadline
    private var isProbed = false

    /// - Parameters:
    ///   - timeouts: for the answer, and for signs of life before it.
    ///   - limit: for the answer, in milliseconds; nil: `timeouts.answer`.
    public init(_ timeouts: ControlTimeouts, withinMilliseconds limit: CInt? = nil) {
        self.limit = limit ?? timeouts.answer
        signOfLife = timeouts.signOfLife
        deadline = Deadline(inMilliseconds: self.limit)
        quietUntil = Deadline(inMilliseconds: signOfLife)
    }

    /// How long to wait before the next check, in milliseconds.
    public var patience: CInt { min(deadline.remainingMilliseconds, quietUntil.remainingMilliseconds) }

    public mutating func heard() {
        quietUntil = Deadline(inMilliseconds: signOfLife)
        isProbed = false
    }

    public mutating func check() -> Verdict {
        if deadline.hasPassed { return .silent(milliseconds: limit) }
        guard quietUntil.hasPassed else { return .wait }
        if isProbed { return .silent(milliseconds: 2 * signOfLife) }
        isProbed = true
        quietUntil = Deadline(inMilliseconds: signOfLife)
        return .probe
    }
}
