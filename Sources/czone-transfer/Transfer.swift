import LinuxSystem
import OCI
import Runtime
import SystemPackage
import TemplateRegistry
import TemplateTransfer

/// Does what the arguments say.
struct Transfer {
    private let arguments: TransferArguments
    private let reference: RegistryReference
    private let images: ImageStore
    private let store: TemplateStore
    private let configuration: Configuration

    init(_ arguments: TransferArguments) throws {
        self.arguments = arguments
        reference = try RegistryReference(arguments.words[0])
        images = try ImageStore(root: FilePath(arguments.store).appending("images"))
        store = TemplateStore(besides: images.root)
        configuration = try Configuration.load()
    }

    func run() throws {
        let client = try client()
        switch arguments.verb {
        case .push: try push(client)
        case .pull:
            guard reference.tag != nil || reference.digest != nil else {
                throw TransferError.invalid("\(reference) names no template: expected a tag, or a digest, behind it")
            }
            let registry = try Registry(root: FilePath(arguments.root))
            let placement = Placement(
                registry: registry, configuration: configuration, files: try VirtualMachineFiles(Artefacts()))
            try pull(client, reference, .any(placement, images))
        case .provide:
            CurrentProcess.yieldToOthers()
            let key = try TemplateKey(json: StandardStream.input.descriptor)
            let tag = try store.portableIdentity(of: key).tag
            try pull(client, RegistryReference(repository: reference.repository, tag: tag), .key(key))
        }
    }

    private func client() throws -> RegistryClient {
        let transport = try HTTPTransport(
            limitInSeconds: arguments.timeoutInSeconds, authorities: arguments.authorities)
        return try RegistryClient(
            reference.repository, transport: transport, credentials: try credentials(),
            allowsPlain: arguments.allowsPlain)
    }

    private func credentials() throws -> RegistryCredentials {
        let path =
            arguments.credentials ?? CurrentProcess.environment("DOCKER_CONFIG").map { "\($0)/config.json" }
            ?? CurrentProcess.environment("HOME").map { "\($0)/.docker/config.json" }
        guard let path else { return .none }
        guard let bytes = try FileSystem.contents(of: path, atMost: RegistryCredentials.maxBytes + 1) else {
            guard arguments.credentials == nil else { throw CredentialError("there is no file \(quoted(path))") }
            return .none
        }
        return try RegistryCredentials(bytes, file: path)
    }

    private func push(_ client: RegistryClient) throws {
        guard reference.digest == nil else {
            throw TransferError.invalid("\(reference) names what is there already: expected no digest")
        }
        let result = try TemplatePush(to: client, from: store).push(arguments.words[1], tag: reference.tag)
        try say(
            "\(result.reference)",
            "sent \(result.bytesSent) bytes in \(result.blobsSent) blobs; of \(result.chunks) chunks \(result.chunksThere) were there"
        )
    }

    private func pull(
        _ client: RegistryClient, _ reference: RegistryReference, _ wanted: TemplatePull.Wanted
    ) throws {
        let limit = configuration.templateLimitInBytes
        let result = try TemplatePull(from: client, into: store, limit: limit).pull(reference, wanted)
        try say(
            result.name,
            result.isNew
                ? "fetched \(result.bytesFetched) bytes; of \(result.chunks) chunks \(result.chunksHere) were here"
                : "it is here already")
    }

    /// What the command is for on standard output, what it came to on standard error.
    private func say(_ result: String, _ account: String) throws {
        try StandardStream.output.descriptor.write(all: Array("\(result)\n".utf8))
        try StandardStream.error.descriptor.write(all: Array("\(account)\n".utf8))
    }
}
