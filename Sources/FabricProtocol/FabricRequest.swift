public import AgentProtocol
public import ControlProtocol

/// What clients ask of a tenant's fabric, one request a connection, in frames as VMs' control sockets have
/// (`ControlFrame`).
public enum FabricRequest: ControlMessage, Equatable {
    /// Serves a container from now on, until it ends. → `attached` once the container can connect, or `refused`. Two
    /// descriptors come with it: a connection to the control socket of the container's VM, and a file with the keys.
    case attach(FabricAttachment)
    /// → `description`.
    case describe

    /// The descriptors of `attach`.
    public static let attachedDescriptors = 2

    public func encode(into encoder: inout MessageEncoder) {
        switch self {
        case .attach(let attachment):
            encoder.integer(UInt8(1))
            attachment.encode(into: &encoder)
        case .describe: encoder.integer(UInt8(2))
        }
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let number: UInt8 = try decoder.integer()
        switch number {
        case 1: self = .attach(try FabricAttachment(decoding: &decoder))
        case 2: self = .describe
        default: throw .invalidValue(field: "fabric request", value: UInt64(number))
        }
    }
}

/// A container for the fabric to serve.
public struct FabricAttachment: Equatable, Sendable {
    /// The longest policy, in bytes.
    public static let maxPolicyBytes = 64 << 10

    /// Its id with its VM.
    public var container: String
    /// The policy's name, and its text.
    public var policy: String
    public var text: String

    public init(container: String, policy: String, text: String) {
        self.container = container
        self.policy = policy
        self.text = text
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.text(container, "container", atMost: ControlLimits.name)
        encoder.text(policy, "policy", atMost: ControlLimits.name)
        encoder.text(text, "policy's text", atMost: Self.maxPolicyBytes)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        container = try decoder.text("container", atMost: ControlLimits.name)
        policy = try decoder.text("policy", atMost: ControlLimits.name)
        text = try decoder.text("policy's text", atMost: Self.maxPolicyBytes)
    }
}

/// What a fabric answers.
public enum FabricReply: ControlMessage, Equatable {
    case attached
    /// One line for a person.
    case refused(String)
    case description(FabricDescription)
    /// What `czone-fabric policy` prints.
    case policy(PolicySummary)

    public func encode(into encoder: inout MessageEncoder) {
        switch self {
        case .attached: encoder.integer(UInt8(1))
        case .refused(let text):
            encoder.integer(UInt8(2))
            encoder.message(text, "reason", atMost: ControlLimits.text)
        case .description(let description):
            encoder.integer(UInt8(3))
            description.encode(into: &encoder)
        case .policy(let policy):
            encoder.integer(UInt8(4))
            policy.encode(into: &encoder)
        }
    }

    public init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        let number: UInt8 = try decoder.integer()
        switch number {
        case 1: self = .attached
        case 2: self = .refused(try decoder.message("reason", atMost: ControlLimits.text))
        case 3: self = .description(try FabricDescription(decoding: &decoder))
        case 4: self = .policy(try PolicySummary(decoding: &decoder))
        default: throw .invalidValue(field: "fabric reply", value: UInt64(number))
        }
    }
}
