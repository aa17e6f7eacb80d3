/// Why a request got no answer from its function: what the caller receives.
enum GatewayError: Error, Equatable, CustomStringConvertible {
    case containerEnded(String)
    case silent
    /// The function's queue is full.
    case overloaded(waiting: Int)
    /// No container could be started.
    case noContainer(String)
    /// No answer within the function's timeout.
    case late(milliseconds: Int64)
    /// The caller has not sent its whole request within the function's timeout.
    case slowCaller(milliseconds: Int64)
    /// The function was removed meanwhile.
    case removed
    /// The caller has gone.
    case abandoned
    case shuttingDown
    /// The handler has thrown an exception.
    case threw
    /// The handler's result is no answer.
    case badResult(String)

    var description: String {
        switch self {
        case .containerEnded(let reason): "the function's container has ended: \(reason)"
        case .silent: "the function's VM does not answer"
        case .overloaded(let waiting): "\(waiting) requests wait for the function already"
        case .noContainer(let reason): "no container of the function can be started: \(reason)"
        case .late(let milliseconds): "the function has not answered within \(milliseconds) ms"
        case .slowCaller(let milliseconds): "the request was not whole within \(milliseconds) ms"
        case .removed: "the function was removed"
        case .abandoned: "the caller has gone"
        case .shuttingDown: "the gateway is shutting down"
        case .threw: "the handler has thrown an exception, which the function's log has"
        case .badResult(let reason): "the handler has given no answer: \(reason)"
        }
    }
}
