public import AgentProtocol

/// That a container may begin as a copy of a process template (docs/templates.md), and what its template is to be.
public struct WarmStart: Equatable, Sendable {
    /// The greatest number of names of `varying`.
    public static let maxNames = 64
    /// How long a template's program may take to its point where nobody says, in seconds.
    public static let usualTimeoutInSeconds: UInt32 = 120
    /// Where each container finds the variables that may differ: `NAME=VALUE`, each ended by a zero byte.
    public static let environmentPath = "/run/czone/environment"

    /// Names of environment variables that may differ between a template and its copies, besides HOSTNAME.
    public var varying: [String]
    /// How long the template's program may take to its point, in seconds.
    public var timeoutInSeconds: UInt32
    /// memory.max of the template's control group, in bytes; 0: half of the VM's base memory.
    public var memoryInBytes: UInt64

    public init(
        varying: [String] = [], timeoutInSeconds: UInt32 = usualTimeoutInSeconds, memoryInBytes: UInt64 = 0
    ) {
        self.varying = varying
        self.timeoutInSeconds = timeoutInSeconds
        self.memoryInBytes = memoryInBytes
    }

    /// Whether a `NAME=VALUE` may differ. A host name is each container's own, and so is the variable that contains it.
    func varies(_ variable: ArraySlice<UInt8>) -> Bool {
        let name = variable.prefix { $0 != UInt8(ascii: "=") }
        return name.elementsEqual("HOSTNAME".utf8) || varying.contains { name.elementsEqual($0.utf8) }
    }

    /// The file in which a container finds those of its variables that may differ.
    public func environmentFile(for specification: ContainerSpecification) -> InlineFile {
        let variables = specification.process.environment.filter(varies)
        return InlineFile(path: Self.environmentPath, contents: variables.bytes)
    }

    func encode(into encoder: inout MessageEncoder) {
        encoder.list(varying, "names of variables", atMost: Self.maxNames) { $0.name($1) }
        encoder.integer(timeoutInSeconds)
        encoder.integer(memoryInBytes)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        varying = try decoder.list("names of variables", atMost: Self.maxNames) { d throws(ProtocolError) in
            try d.name()
        }
        timeoutInSeconds = try decoder.integer()
        memoryInBytes = try decoder.integer()
    }
}
