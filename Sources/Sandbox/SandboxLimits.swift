/// What an event, and a process that serves events, may use.
public struct SandboxLimits: Sendable {
    /// Instances at once: events that run or wait.
    public var instances = 1000
    /// Linear memory of an event, in bytes: what the run-time library is built for.
    public let memoryBytes = 16 << 20
    /// Of WebAssembly's own stack.
    public let stackBytes = 256 << 10
    public let tableElements = 10_000
    /// Of one activation: from a start or an answer until the event waits or ends.
    public var activationMilliseconds = 20
    /// Of all activations of an event.
    public var eventMilliseconds = 100
    public let calls = 64
    /// Of a request, an answer, a body and all lines of an event's log, each, in bytes.
    public let bodyBytes = 1 << 20
    /// Readings of the clock, and random numbers.
    public let readings = 10_000

    public init() {}
}

/// Something failed that is no abort: the module is none, or the pool is used up.
public struct SandboxError: Error, CustomStringConvertible {
    public let description: String
    init(_ what: String, _ detail: String) { description = "\(what): \(detail)" }
}
