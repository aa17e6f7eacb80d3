import AgentProtocol
import ControlProtocol
import SystemPackage

/// Why the agent did not do what it was asked.
enum AgentFailure: Error, CustomStringConvertible {
    /// It tried, and says what went wrong.
    case refused(Failure)
    /// The request is over a limit of the protocol.
    case malformed(ProtocolError)
    /// The agent has gone, or talks nonsense.
    case lost(String)
    /// It did not answer within so many seconds.
    case timeout(seconds: UInt64)
    /// It has left so many requests unanswered, and gets no more.
    case overloaded(unanswered: Int)

    var description: String {
        switch self {
        case .refused(let failure): "the guest cannot \(failure.text): \(Errno(rawValue: failure.code))"
        case .malformed(let error): "\(error)"
        case .lost(let reason): "the guest's agent is lost: \(reason)"
        case .timeout(let seconds): "the guest's agent has not answered within \(seconds) s"
        case .overloaded(let unanswered): "the guest's agent leaves \(unanswered) requests unanswered"
        }
    }

    /// The guest's errno, 0 where there is none.
    var code: Int32 {
        if case .refused(let failure) = self { return failure.code }
        return 0
    }
}

extension AgentFailure {
    /// What a client is answered.
    var refusal: Refusal {
        let reason: Refusal.Reason =
            switch self {
            case .refused(let failure) where failure.exitCode == 127: .programNotFound
            case .refused(let failure) where failure.exitCode != nil: .programNotRunnable
            case .refused, .malformed: .guestFailed
            case .lost: .lost
            case .timeout, .overloaded: .late
            }
        return Refusal(reason, code: code, "\(self)")
    }

    /// What a shell would exit with: 127 not found, 126 not to be run, else 1.
    var exitCode: UInt8 {
        if case .refused(let failure) = self { return failure.exitCode ?? 1 }
        return 1
    }
}
