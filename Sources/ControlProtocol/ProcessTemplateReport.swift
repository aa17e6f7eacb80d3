public import AgentProtocol

/// A process template of a VM as it is now.
public struct ProcessTemplateReport: Equatable, Sendable {
    /// The greatest number of them that a VM reports.
    public static let maxCount = 64
    /// The name of the file in a saved template's directory that says what became of what it was to have.
    public static let fileName = "process-template"

    /// Where it stands.
    public enum State: UInt8, Sendable {
        /// Its program has not reached its point.
        case making = 1
        /// It stands at its point: containers are copies of it.
        case ready = 2
        /// There is none: containers start plainly.
        case refused = 3
    }

    /// Its number in its VM, from 1; never given twice in a VM's life.
    public var number: UInt32
    /// Where it stands.
    public var state: State
    /// Why it is refused, or why the last container that was to be its copy is none; empty otherwise.
    public var reason: String
    /// From the execution of its program to its point, in microseconds; 0: not reached. This and the next two are what
    /// the guest says.
    public var reachedAfterMicroseconds: UInt64
    /// Of its program at its point.
    public var threads: UInt32
    /// What its control group was charged with at its point, in bytes.
    public var memoryBytes: UInt64
    /// Containers that are copies of it and have not ended.
    public var instances: UInt32
    /// Its program and arguments, as one line.
    public var command: String

    public init(
        number: UInt32, state: State, reason: String = "", reachedAfterMicroseconds: UInt64 = 0, threads: UInt32 = 0,
        memoryBytes: UInt64 = 0, instances: UInt32 = 0, command: String
    ) {
        self.number = number
        self.state = state
        self.reason = reason
        self.reachedAfterMicroseconds = reachedAfterMicroseconds
        self.threads = threads
        self.memoryBytes = memoryBytes
        self.instances = instances
        self.command = command
    }

    /// The form of a file.
    public var bytes: [UInt8] {
        var encoder = MessageEncoder()
        encode(into: &encoder)
        return encoder.bytes
    }

    /// - Parameter bytes: those of a report.
    public init(bytes: [UInt8]) throws(ProtocolError) {
        var decoder = MessageDecoder(bytes)
        try self.init(decoding: &decoder)
        try decoder.end()
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.integer(number)
        encoder.integer(state.rawValue)
        encoder.message(reason, "reason", atMost: ControlLimits.text)
        encoder.integer(reachedAfterMicroseconds)
        encoder.integer(threads)
        encoder.integer(memoryBytes)
        encoder.integer(instances)
        encoder.message(command, "command", atMost: ControlLimits.text)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        number = try decoder.integer()
        let value: UInt8 = try decoder.integer()
        guard let state = State(rawValue: value) else {
            throw .invalidValue(field: "process template's state", value: UInt64(value))
        }
        self.state = state
        reason = try decoder.message("reason", atMost: ControlLimits.text)
        reachedAfterMicroseconds = try decoder.integer()
        threads = try decoder.integer()
        memoryBytes = try decoder.integer()
        instances = try decoder.integer()
        command = try decoder.message("command", atMost: ControlLimits.text)
    }
}
