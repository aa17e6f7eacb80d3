public import AgentProtocol

/// What containers must have in common to be copies of one process template: all of their specification that a program
/// could have seen before its point, compared by its fields.
public struct ProcessTemplateIdentity: Equatable, Sendable {
    /// Why a container starts plainly whatever templates there are.
    public enum Obstacle: Error, Equatable, Sendable, CustomStringConvertible {
        /// A terminal is each container's own, and a template has none.
        case terminal
        /// Its root lies in a volume of its own: it is another image than the VM's.
        case foreignRoot
        /// A copy is the first process of its namespace; this container's namespace has one.
        case sharedProcesses

        public var description: String {
            switch self {
            case .terminal: "it has a terminal"
            case .foreignRoot: "its image is not its VM's"
            case .sharedProcesses: "it has no process namespace of its own"
            }
        }
    }

    /// Without what may differ: host and domain name, files, interfaces, limits, system controls, namespaces, streams,
    /// what is mounted from the host's files, and the variables that may differ.
    private let common: ContainerSpecification

    /// - Parameters:
    ///   - specification: a container's, as its client or its VM has it.
    ///   - warmStart: how the container begins.
    /// - Throws: why it can be no copy of anything.
    public init(of specification: ContainerSpecification, _ warmStart: WarmStart) throws(Obstacle) {
        guard specification.process.terminal == nil else { throw .terminal }
        guard specification.namespaces.process == .new else { throw .sharedProcesses }
        guard specification.root.layers.allSatisfy(Self.isImage) else { throw .foreignRoot }
        var common = specification
        (common.hostname, common.domainName) = ("", "")
        (common.files, common.interfaces, common.systemControls) = ([], [], [])
        common.limits = ResourceLimits()
        common.namespaces = Namespaces()
        common.process.streams = StandardStreams()
        common.process.environment = common.process.environment.filter { !warmStart.varies($0) }
        for index in common.mounts.indices where Self.isVolume(common.mounts[index]) {
            common.mounts[index].source = .bind(.share(tag: "", path: ""), recursive: false)
        }
        self.common = common
    }

    /// The specification of a template with this identity: without volumes, variables that may differ, and streams.
    ///
    /// - Parameters:
    ///   - files: for its root.
    ///   - holder: the container that holds its process namespace.
    ///   - memoryMax: of its control group, in bytes.
    ///   - processesMax: of its control group; nil: as many as there can be.
    public func template(
        files: [InlineFile], in holder: ContainerNumber, memoryMax: UInt64, processesMax: UInt64?
    ) -> ContainerSpecification {
        var template = common
        template.mounts.removeAll(where: Self.isVolume)
        template.files = files
        template.namespaces.process = .container(holder)
        template.limits = ResourceLimits(memoryMax: memoryMax, processesMax: processesMax)
        return template
    }

    /// The specification of a container with this identity that is nobody's: as a template's, but with a process namespace
    /// of its own.
    ///
    /// - Parameter memoryMax: of its control group, in bytes.
    public func copy(memoryMax: UInt64) -> ContainerSpecification {
        var copy = common
        copy.mounts.removeAll(where: Self.isVolume)
        copy.limits = ResourceLimits(memoryMax: memoryMax)
        return copy
    }

    /// Equal for equal identities and no others, for a digest and for files.
    public var bytes: [UInt8] {
        var encoder = MessageEncoder()
        CreateContainer(container: ContainerNumber(0), node: 0, zoneBytes: 0, start: true, specification: common)
            .encode(into: &encoder)
        return encoder.bytes
    }

    /// - Parameter bytes: those of an identity.
    public init(bytes: [UInt8]) throws(ProtocolError) {
        var decoder = MessageDecoder(bytes)
        common = try CreateContainer(decoding: &decoder).specification
        try decoder.end()
    }

    /// The VM's own: others come and go with their containers.
    private static func isImage(_ layer: Tree) -> Bool { layer == .image(device: 0) }

    private static func isVolume(_ mount: Mount) -> Bool {
        if case .bind(.share, _) = mount.source { true } else { false }
    }
}
