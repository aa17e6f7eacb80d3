import LeanJSON

/// A request of Lambda's Invoke API (2015-03-31), without its payload.
public struct InvokeRequest: Equatable, Sendable {
    /// `X-Amz-Invocation-Type`.
    public enum Kind: String, Equatable, Sendable {
        /// Answered with what the function answers.
        case requestResponse = "RequestResponse"
        /// Answered with 202 at once.
        case event = "Event"
        /// Answered with 204: nothing is done.
        case dryRun = "DryRun"
    }

    public let function: String
    public let kind: Kind
    /// `X-Amz-Log-Type: Tail`: the answer has the end of the log.
    public let wantsLog: Bool

    /// Whether the target is one of the API's.
    public static func isTarget(_ target: String) -> Bool { target.hasPrefix("/2015-03-31/") }

    /// - Throws: what Lambda would answer to what makes no sense.
    public init(
        method: String, target: String, kind: String?, logType: String?
    ) throws(InvokeError) {
        let path = target.prefix { $0 != "?" }
        let parts = path.split(separator: "/", omittingEmptySubsequences: false).dropFirst().map(String.init)
        guard method == "POST", parts.count == 4, parts[0] == "2015-03-31", parts[1] == "functions",
            parts[3] == "invocations"
        else { throw InvokeError(.unknownOperation, "there is no operation \(method) \(path.prefix(256))") }
        guard let known = Kind(rawValue: kind ?? "RequestResponse") else {
            throw InvokeError(
                .invalidParameter, "InvocationType is \(kind ?? ""), expected RequestResponse, Event or DryRun")
        }
        function = Self.name(in: parts[2])
        self.kind = known
        wantsLog = logType == "Tail"
    }

    /// The name in a name, a partial or a whole ARN, with or without a version.
    private static func name(in text: String) -> String {
        let decoded = text.replacing("%3A", with: ":").replacing("%3a", with: ":")
        let parts = decoded.split(separator: ":", omittingEmptySubsequences: false).map(String.init)
        if let index = parts.firstIndex(of: "function"), index + 1 < parts.count { return parts[index + 1] }
        return parts.first ?? ""
    }
}

/// A failure in the shape of Lambda's API.
public struct InvokeError: Error, Equatable, Sendable {
    public enum Kind: String, Equatable, Sendable {
        case notFound = "ResourceNotFoundException"
        case tooManyRequests = "TooManyRequestsException"
        case tooLarge = "RequestTooLargeException"
        case invalidParameter = "InvalidParameterValueException"
        case invalidContent = "InvalidRequestContentException"
        case unknownOperation = "UnknownOperationException"
        case accessDenied = "AccessDeniedException"
        case service = "ServiceException"

        /// The answer's status.
        public var status: Int {
            switch self {
            case .notFound, .unknownOperation: 404
            case .tooManyRequests: 429
            case .tooLarge: 413
            case .invalidParameter, .invalidContent: 400
            case .accessDenied: 403
            case .service: 500
            }
        }
    }

    public let kind: Kind
    public let text: String

    public init(_ kind: Kind, _ text: String) {
        self.kind = kind
        self.text = text
    }

    public var body: [UInt8] {
        var json = JSONWriter()
        json.text("Type", kind == .service ? "Service" : "User")
        json.text("message", text)
        json.text("Message", text)
        return json.object
    }

    public var headers: [(String, String)] {
        [("Content-Type", "application/json"), ("x-amzn-ErrorType", kind.rawValue)]
    }
}
