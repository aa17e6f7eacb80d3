import AgentProtocol

/// A container to make, maybe in a pod.
public struct CreateRequest: Equatable, Sendable {
    /// What a container is made of.
    public var run: RunRequest
    /// The id of the container whose namespaces stand for every `NamespaceChoice.container` of the request: the pod's
    /// sandbox, in the same VM. Empty: there is none, and no such choice.
    public var sandbox: String

    public init(run: RunRequest, sandbox: String) {
        self.run = run
        self.sandbox = sandbox
    }

    func encode(into encoder: inout MessageEncoder) {
        run.encode(into: &encoder)
        encoder.name(sandbox)
    }

    init(decoding decoder: inout MessageDecoder) throws(ProtocolError) {
        run = try RunRequest(decoding: &decoder)
        sandbox = try decoder.name()
    }
}
