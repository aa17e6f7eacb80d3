import ContainerdAPI

/// Why a call failed: a code of gRPC, and one line for a person.
public struct Status: Error, Equatable, Sendable, CustomStringConvertible {
    /// google.rpc.Code.
    public enum Code: Int32, Sendable {
        case cancelled = 1
        case unknown = 2
        case invalidArgument = 3
        case deadlineExceeded = 4
        case notFound = 5
        case alreadyExists = 6
        case permissionDenied = 7
        case resourceExhausted = 8
        case failedPrecondition = 9
        case unimplemented = 12
        case internalError = 13
        case unavailable = 14
    }

    public let code: Code
    public let message: String

    public init(_ code: Code, _ message: String) {
        self.code = code
        self.message = message
    }

    public var description: String { "\(message) (\(code))" }
}

extension Google_Rpc_Status {
    init(_ status: Status) {
        self.init()
        code = status.code.rawValue
        message = status.message
    }
}
