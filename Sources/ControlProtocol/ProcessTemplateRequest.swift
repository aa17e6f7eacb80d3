public import AgentProtocol

/// A process template to make: what a container would be that begins as a copy of it. Also the form of a file.
public struct ProcessTemplateRequest: Equatable, Sendable {
    /// The file's name in the directory of a template that a VM is to save with it (`MachineArguments.Purpose`).
    public static let fileName = "process-template-request"

    /// The container's, as its client compiles it.
    public var specification: ContainerSpecification
    /// What its template is to be.
    public var warmStart: WarmStart

    public init(_ specification: ContainerSpecification, _ warmStart: WarmStart) {
        self.specification = specification
        self.warmStart = warmStart
    }

    /// What containers must have in common with it.
    public var identity: ProcessTemplateIdentity {
        get throws(ProcessTemplateIdentity.Obstacle) { try ProcessTemplateIdentity(of: specification, warmStart) }
    }

    /// The greatest size of its bytes: a container's specification and a little more.
    public static let maxBytes = ControlLimits.payload

    /// - Throws: where a field is over its limit.
    public func bytes() throws(ProtocolError) -> [UInt8] {
        var encoder = MessageEncoder()
        warmStart.encode(into: &encoder)
        CreateContainer(container: ContainerNumber(0), node: 0, zoneBytes: 0, start: true, specification: specification)
            .encode(into: &encoder)
        if let violation = encoder.violation { throw violation }
        return encoder.bytes
    }

    /// - Parameter bytes: those of a request; a file of at most `maxBytes`.
    public init(bytes: [UInt8]) throws(ProtocolError) {
        var decoder = MessageDecoder(bytes)
        warmStart = try WarmStart(decoding: &decoder)
        specification = try CreateContainer(decoding: &decoder).specification
        try decoder.end()
    }
}
