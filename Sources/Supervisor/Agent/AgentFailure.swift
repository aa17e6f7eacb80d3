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
    /// It did not answer in time.
    case timeout

    var description: String {
        switch self {
        case .refused(let failure): "the guest cannot \(failure.text): \(Errno(rawValue: failure.code))"
        case .malformed(let error): "\(error)"
        case .lost(let reason): "the guest's agent is lost: \(reason)"
        case .timeout: "the guest's agent does not answer"
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
            case .timeout: .late
            }
        return Refusal(reason, code: code, "\(self)")
    }

    /// What a shell would exit with: 127 not found, 126 not to be run, else 1.
    var exitCode: UInt8 {
        if case .refused(let failure) = self { return failure.exitCode ?? 1 }
        return 1
    }
}
