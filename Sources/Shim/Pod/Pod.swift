import AgentProtocol
import ControlProtocol
import LinuxSystem
import OCI
import Runtime
import TTRPC

/// A pod: the namespaces that its containers share, and the VM that all of them are in.
///
/// Its sandbox exists for containerd from RunPodSandbox on, but needs no VM before its first container comes: only then
/// is known which image the VM has to have. In the guest it is a process of the agent's own, without a zone.
actor Pod {
    nonisolated let registryID: String
    let hosting: Hosting
    let membership: Membership
    let specification: PodSpecification
    private var placing: Task<Home, any Error>?
    private var connection: MachineConnection?
    private var hasEnded = false
    /// What is told of an end that was asked for.
    private var endCode: UInt32?
    /// Is told the code when the sandbox's process in the VM has ended.
    private var onEnd: (@Sendable (UInt32) async -> Void)?

    init(id: String, hosting: Hosting, membership: Membership, specification: PodSpecification) {
        registryID = hosting.registryID(id)
        self.hosting = hosting
        self.membership = membership
        self.specification = specification
    }

    func whenEnded(_ action: @escaping @Sendable (UInt32) async -> Void) { onEnd = action }

    /// The pod's VM; its first container decides what it is, and whose image it has.
    func home(
        zoneSizeInBytes: UInt64, image: @escaping @Sendable () async throws -> StoredImage
    ) async throws -> Home {
        guard !hasEnded else { throw Status(.failedPrecondition, "the sandbox \(registryID) has ended") }
        let task = placing ?? Task { try await place(try await image(), zoneSizeInBytes) }
        placing = task
        do { return try await task.value } catch {
            // The next container may have better luck.
            if placing == task { placing = nil }
            throw error
        }
    }

    private func place(_ image: StoredImage, _ zoneSizeInBytes: UInt64) async throws -> Home {
        let (hosting, membership, specification, id) = (hosting, membership, specification, registryID)
        let (begun, home) = try await hosting.work.run { () throws -> (BegunConversation, Home) in
            let (placement, _, files) = try hosting.placement()
            let key = membership.key(image: image, kernel: files.identity, zoneSizeInBytes: zoneSizeInBytes, unique: id)
            var order = Placement.Order(
                key: key,
                record: ContainerRecord(id: id, key: key, sizes: nil, spec: specification.spec, image: "pause"),
                specification: try specification.compile(layers: [], zoneSizeInBytes: 0), streams: .none, image: image,
                store: hosting.images)
            order.zoneSizeInBytes = 0
            order.beginning = .create(sandbox: "")
            let placed = try placement.place(order, networkAt: specification.networkNamespace)
            let home = try Home(key: key, machine: placed.machine, image: image)
            return (BegunConversation(placed.connection, request: placed.request), home)
        }
        do { return try await begin(begun, home) } catch {
            // Another container of the pod may make it anew.
            try? await hosting.work.run { try hosting.registry.forget(id) }
            throw error
        }
    }

    /// Waits until the VM has made and started the sandbox.
    private func begin(_ begun: BegunConversation, _ home: Home) async throws -> Home {
        let (connection, answers) = try await MachineConnection.adopt(begun, group: hosting.group)
        do {
            var iterator = answers.makeAsyncIterator()
            switch await iterator.next() {
            case .done?: break
            case let answer: throw home.failure(answer)
            }
            try await connection.ask(.start(container: registryID))
        } catch {
            connection.close()
            throw error
        }
        self.connection = connection
        Task { await follow(answers) }
        return home
    }

    private func follow(_ answers: AsyncStream<ControlReply>) async {
        for await answer in answers {
            guard case .exited(let record) = answer, record.container == registryID, record.process == 0 else { break }
            return await noteEnd(code: UInt32(record.code))
        }
        await noteEnd(code: 255)
    }

    private func noteEnd(code: UInt32) async {
        hasEnded = true
        connection?.close()
        connection = nil
        await onEnd?(endCode ?? code)
    }

    /// Ends the sandbox as a pause container ends by a signal: any but the deadly is ignored. The end is not waited for:
    /// when containerd hears of it, it lets go of the connection on which it waits for the answer to its signal.
    func signal(_ signal: UInt32) {
        let deadly: [UInt32: UInt32] = [1: 0, 2: 0, 3: 0, 9: 137, 15: 0]
        guard let code = deadly[signal], !hasEnded else { return }
        hasEnded = true
        endCode = code
        Task {
            await end()
            await noteEnd(code: code)
        }
    }

    /// Takes the sandbox out of its VM.
    func end() async {
        hasEnded = true
        if let connection { _ = try? await connection.ask(.remove(container: registryID)) }
        let (registry, id) = (hosting.registry, registryID)
        try? await hosting.work.run { try registry.forget(id) }
    }
}
