/// A part of the agent's work, named in timings and failures.
public enum Step: UInt8, Sendable {
    /// Not one of the others: the request itself was refused.
    case request = 0
    /// Clock and entropy.
    case clock
    /// The image's file system is mounted in the guest.
    case image
    /// The zone's memory blocks come online.
    case zoneOnline
    /// The container's control group is made and its limits are set.
    case controlGroup
    /// Streams to the host.
    case streams
    /// The new process, its namespaces, its entry into the control group.
    case clone
    /// Joining of namespaces that exist.
    case namespaces
    /// Writable layer and overlay.
    case rootFileSystem
    /// The container's mounts.
    case mounts
    /// /dev: nodes, links, terminals.
    case devices
    /// The container's root becomes the root.
    case pivot
    /// Files that the host gave.
    case files
    /// Masked and read-only paths, a read-only root.
    case paths
    /// Kernel parameters of its namespaces.
    case sysctls
    /// Host name, loopback interface.
    case network
    /// The terminal, and standard streams.
    case terminal
    /// Made where it is missing, and entered.
    case workingDirectory
    /// Rlimits, priority under memory pressure, umask.
    case limits
    /// User, groups, capabilities, no_new_privs.
    case credentials
    /// The filter of system calls.
    case seccomp
    /// Finding the program and execve: its failure is the program's fault (`Failure.exitCode`).
    case execute
    /// Killing what is in the control group.
    case kill
    /// Until the last process was reaped; its mounts go with it.
    case reap
    /// The zone's node is looked at: is it empty?
    case zoneEmpty
    /// The zone's memory blocks go offline.
    case zoneOffline
    /// Until all of a container stands still.
    case freeze
    /// memory.reclaim.
    case reclaim
}

/// How long a step took, in microseconds of the guest's monotonic clock.
public struct StepTiming: Equatable, Sendable {
    /// Which step.
    public let step: Step
    /// `UInt32.max` for more.
    public let microseconds: UInt32

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(step: Step, microseconds: UInt32) {
        self.step = step
        self.microseconds = microseconds
    }
}

/// The answer to a request that could not be done.
public struct Failure: Message, Error, Equatable {
    public static let type = MessageType.failure

    /// A Linux errno value.
    public var code: Int32
    /// Where it failed.
    public var step: Step
    /// What was tried, on what, in lower case, without the error's own name: "mount proc on /proc".
    public var text: String

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(code: Int32, step: Step, text: String) {
        self.code = code
        self.step = step
        self.text = text
    }

    /// What a shell would exit with when the program itself is at fault: 127 where it was not found, 126 where it could
    /// not be run; nil when something else failed.
    public var exitCode: UInt8? {
        guard step == .execute else { return nil }
        // ENOENT and ENOTDIR.
        return code == 2 || code == 20 ? 127 : 126
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.integer(code)
        encoder.integer(step.rawValue)
        encoder.message(text, "failure text", atMost: Limits.text)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        code = try decoder.integer()
        step = try decoder.step()
        text = try decoder.message("failure text", atMost: Limits.text)
    }
}

/// The answer to a request that has no result but its timings.
public struct Done: Message, Equatable {
    public static let type = MessageType.done

    /// The steps of the request, in their order; at most `Limits.timings`.
    public var timings: [StepTiming]

    /// Takes the fields as they are; encoding checks them against `Limits`.
    public init(timings: [StepTiming] = []) { self.timings = timings }

    public func encode(into encoder: inout MessageEncoder) { encoder.timings(timings) }
    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) { timings = try decoder.timings() }
}

extension MessageEncoder {
    mutating func timings(_ timings: [StepTiming]) {
        list(timings, "timings", atMost: Limits.timings) { encoder, timing in
            encoder.integer(timing.step.rawValue)
            encoder.integer(timing.microseconds)
        }
    }
}

extension MessageDecoder {
    mutating func step() throws(ProtocolError) -> Step {
        let value: UInt8 = try integer()
        guard let step = Step(rawValue: value) else { throw .invalidValue(field: "step", value: UInt64(value)) }
        return step
    }

    mutating func timings() throws(ProtocolError) -> [StepTiming] {
        try list("timings", atMost: Limits.timings) { decoder throws(ProtocolError) in
            StepTiming(step: try decoder.step(), microseconds: try decoder.integer())
        }
    }
}
