import AgentProtocol
import ControlProtocol

/// A process template as it is saved with its VM: what the supervisor of a restored VM must know of a process that its
/// guest has from the start.
///
/// | field | |
/// |---|---|
/// | version | 2 |
/// | holder, container | numbers that the guest's agent knows them by |
/// | last number | the highest that the guest has had |
/// | identity | `ProcessTemplateIdentity.bytes` |
/// | facts | time to its point, threads, bytes |
/// | command | a line |
struct SavedProcessTemplate: Equatable {
    private static let version: UInt8 = 2

    var holder: ContainerNumber
    var container: ContainerNumber
    var lastNumber: ContainerNumber
    var identity: ProcessTemplateIdentity
    var facts: ProcessTemplateFacts
    var command: String

    var bytes: [UInt8] {
        var encoder = MessageEncoder()
        encoder.integer(Self.version)
        encoder.integer(holder.rawValue)
        encoder.integer(container.rawValue)
        encoder.integer(lastNumber.rawValue)
        encoder.blob(identity.bytes, "identity", atMost: ProcessTemplateRequest.maxBytes)
        encoder.integer(facts.reachedAfterMicroseconds)
        encoder.integer(facts.threads)
        encoder.integer(facts.memoryBytes)
        encoder.message(command, "command", atMost: ControlLimits.text)
        return encoder.bytes
    }

    /// - Throws: where these are not the bytes of one, or its numbers cannot be a guest's.
    init(bytes: [UInt8]) throws(ProtocolError) {
        var decoder = MessageDecoder(bytes)
        let version: UInt8 = try decoder.integer()
        guard version == Self.version else { throw .invalidValue(field: "version", value: UInt64(version)) }
        holder = ContainerNumber(try decoder.integer())
        container = ContainerNumber(try decoder.integer())
        lastNumber = ContainerNumber(try decoder.integer())
        for number in [holder, container, lastNumber] where !(1..<UInt32.max / 2).contains(number.rawValue) {
            throw .invalidValue(field: "container", value: UInt64(number.rawValue))
        }
        guard holder != container else { throw .invalidValue(field: "holder", value: UInt64(holder.rawValue)) }
        guard max(holder.rawValue, container.rawValue) <= lastNumber.rawValue else {
            throw .invalidValue(field: "last number", value: UInt64(lastNumber.rawValue))
        }
        identity = try ProcessTemplateIdentity(
            bytes: try decoder.blob("identity", atMost: ProcessTemplateRequest.maxBytes))
        facts = ProcessTemplateFacts(
            reachedAfterMicroseconds: try decoder.integer(), threads: try decoder.integer(),
            memoryBytes: try decoder.integer())
        command = try decoder.message("command", atMost: ControlLimits.text)
        try decoder.end()
    }

    /// Nil for one that has not reached its point.
    init?(_ template: ProcessTemplate, lastNumber: ContainerNumber) {
        guard case .ready(let facts) = template.state, let holder = template.holder,
            let container = template.container
        else { return nil }
        (self.holder, self.container, self.facts) = (holder, container, facts)
        (identity, command, self.lastNumber) = (template.identity, template.command, lastNumber)
    }
}
