/// How the first process of a container comes to run its program.
public enum ProcessOrigin: Equatable, Sendable {
    /// It executes it.
    case program
    /// It executes it to become a process template: once it has stopped itself (SIGSTOP), `TemplateReached` says what
    /// came of it. It needs a container that has no zone, in a process namespace that another container holds, so that
    /// it is not the namespace's first process, which cannot stop itself.
    case template
    /// It becomes a copy of the first process of this container, a template. Where that cannot be, it executes its
    /// program, and `ProcessStarted.refusal` says why.
    case copy(of: ContainerNumber)
    /// As `copy`, but killed before its first instruction: what the making of a copy touches has been touched then.
    case trial(of: ContainerNumber)

    func encode(into encoder: inout MessageEncoder) {
        switch self {
        case .program: encoder.integer(UInt8(0))
        case .template: encoder.integer(UInt8(1))
        case .copy(let template):
            encoder.integer(UInt8(2))
            encoder.container(template)
        case .trial(let template):
            encoder.integer(UInt8(3))
            encoder.container(template)
        }
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let kind: UInt8 = try decoder.integer()
        switch kind {
        case 0: self = .program
        case 1: self = .template
        case 2: self = .copy(of: try decoder.container())
        case 3: self = .trial(of: try decoder.container())
        default: throw .invalidValue(field: "process origin", value: UInt64(kind))
        }
    }
}

/// The program of a template has stopped itself: from now on it stands still, and others may become copies of it,
/// unless it is refused. Sent once for each; a template whose program ends before that has `Exited` instead.
public struct TemplateReached: Message, Equatable {
    public static let type = MessageType.templateReached

    /// The template.
    public var container: ContainerNumber
    /// From the execution of its program, in microseconds of the guest's monotonic clock.
    public var microseconds: UInt64
    /// Of its first process.
    public var threads: UInt32
    /// What its control group is charged with, in bytes.
    public var memoryBytes: UInt64
    /// Why nothing can become a copy of it, by name; empty where it can. The host then deletes the container.
    public var refusal: String

    public init(
        container: ContainerNumber, microseconds: UInt64, threads: UInt32, memoryBytes: UInt64, refusal: String = ""
    ) {
        self.container = container
        self.microseconds = microseconds
        self.threads = threads
        self.memoryBytes = memoryBytes
        self.refusal = refusal
    }

    public func encode(into encoder: inout MessageEncoder) {
        encoder.container(container)
        encoder.integer(microseconds)
        encoder.integer(threads)
        encoder.integer(memoryBytes)
        encoder.message(refusal, "refusal", atMost: Limits.text)
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.container()
        microseconds = try decoder.integer()
        threads = try decoder.integer()
        memoryBytes = try decoder.integer()
        refusal = try decoder.message("refusal", atMost: Limits.text)
    }
}
