import ControlProtocol
import OCI
import Runtime
import TTRPC

extension Status {
    /// What containerd is told of an error of ours.
    init(_ error: any Error) {
        switch error {
        case let status as Status: self = status
        case let error as RuntimeError: self.init(Self.code(of: error), error.description)
        case let error as SpecificationError:
            if case .unsupported = error {
                self.init(.unimplemented, error.description)
            } else {
                self.init(.invalidArgument, error.description)
            }
        case let error as OCIError: self.init(Self.code(of: error), error.description)
        case is CancellationError: self.init(.cancelled, "the call was cancelled")
        default: self.init(.unknown, "\(error)")
        }
    }

    private static func code(of error: RuntimeError) -> Code {
        switch error {
        case .refused(let refusal): code(of: refusal.reason)
        case .containerExists: .alreadyExists
        case .noContainer, .noVirtualMachine: .notFound
        case .notRunning, .stillRunning: .failedPrecondition
        case .invalidName: .invalidArgument
        case .virtualMachineEnded: .unavailable
        default: .unknown
        }
    }

    private static func code(of reason: Refusal.Reason) -> Code {
        switch reason {
        case .invalid: .invalidArgument
        case .full: .resourceExhausted
        case .notFound: .notFound
        case .exists: .alreadyExists
        case .wrongState: .failedPrecondition
        case .guestFailed, .failed, .programNotFound, .programNotRunnable: .unknown
        }
    }

    private static func code(of error: OCIError) -> Code {
        switch error {
        case .notFound: .notFound
        case .unsupported: .unimplemented
        case .inUse: .failedPrecondition
        case .limitExceeded: .resourceExhausted
        default: .unknown
        }
    }
}
