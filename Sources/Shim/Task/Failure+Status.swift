import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import Runtime
import SystemPackage
import TTRPC

extension Status {
    /// What containerd receives for an error of ours.
    init(_ error: any Error) {
        switch error {
        case let status as Status: self = status
        case let error as RuntimeError: self.init(Self.code(of: error), Self.text(of: error))
        case let error as SpecificationError:
            if case .unsupported = error {
                self.init(.unimplemented, error.description)
            } else {
                self.init(.invalidArgument, error.description)
            }
        case let error as OCIError: self.init(Self.code(of: error), error.description)
        case let error as SystemError: self.init(Self.code(of: error), error.description)
        case is CancellationError: self.init(.cancelled, "the call was cancelled")
        default: self.init(.unknown, "\(error)")
        }
    }

    /// By these words clients know that it is the program (docker: exit status 127 or 126).
    private static func text(of error: RuntimeError) -> String {
        guard case .refused(let refusal) = error else { return error.description }
        return switch refusal.reason {
        case .programNotFound: "executable file not found: \(error)"
        case .programNotRunnable where refusal.code == EACCES: "permission denied: \(error)"
        default: error.description
        }
    }

    private static func code(of error: RuntimeError) -> Code {
        switch error {
        case .refused(let refusal): code(of: refusal.reason)
        case .containerExists: .alreadyExists
        case .noContainer, .noVirtualMachine: .notFound
        case .notRunning, .stillRunning: .failedPrecondition
        case .invalidName, .ambiguous: .invalidArgument
        case .virtualMachineEnded: .unavailable
        case .silent: .deadlineExceeded
        case .noMemory: .resourceExhausted
        // Something of the host, or of its configuration, is not as it must be.
        case .invalid: .failedPrecondition
        case .conversation, .broken: .internalError
        case .system(let error): code(of: error)
        }
    }

    private static func code(of reason: Refusal.Reason) -> Code {
        switch reason {
        case .invalid: .invalidArgument
        case .full: .resourceExhausted
        case .notFound: .notFound
        case .exists: .alreadyExists
        case .wrongState: .failedPrecondition
        case .lost: .unavailable
        case .late: .deadlineExceeded
        // As runc's shim answers for a program that cannot be run.
        case .guestFailed, .failed, .programNotFound, .programNotRunnable, .noFileServer: .unknown
        }
    }

    private static func code(of error: OCIError) -> Code {
        switch error {
        case .notFound: .notFound
        case .unsupported: .unimplemented
        case .inUse: .failedPrecondition
        case .silent: .deadlineExceeded
        case .limitExceeded: .resourceExhausted
        case .notAnImage, .malformed, .digestMismatch, .sizeMismatch, .missing, .noPlatform, .severalImages, .ambiguous,
            .unsafeEntry, .unknownAccount:
            .invalidArgument
        case .changed: .failedPrecondition
        case .erofs: .internalError
        case .system(let error): code(of: error)
        }
    }

    private static func code(of error: SystemError) -> Code {
        switch error.errno {
        case .noSuchFileOrDirectory: .notFound
        case .permissionDenied, .notPermitted: .permissionDenied
        case .noSpace, .noMemory, .tooManyOpenFiles, .tooManyOpenFilesInSystem, .diskQuotaExceeded: .resourceExhausted
        case .connectionReset, .connectionRefused, .brokenPipe: .unavailable
        default: .unknown
        }
    }
}
