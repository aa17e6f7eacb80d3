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
    /// | from | by | to |
    /// |---|---|---|
    /// | unplaced | the first container | placing |
    /// | placing | the VM's answer | placed; unplaced where it failed |
    /// | any but ended | a signal, a deletion, the end of its process or VM | ended |
    private enum State {
        case unplaced
        case placing(Task<Placed, any Error>)
        case placed(Placed)
        case ended
    }

    private struct Placed: Sendable {
        let home: Home
        let connection: MachineConnection
        /// Forwards what comes to the loopback of its network namespace on the host; nil: it has none, or cannot.
        let forward: Task<Void, Never>?
    }

    nonisolated let registryID: String
    let hosting: Hosting
    let membership: Membership
    let specification: PodSpecification
    private var state = State.unplaced
    /// Gets the code once, when the sandbox has ended.
    private var onEnd: (@Sendable (UInt32) async -> Void)?

    init(id: String, hosting: Hosting, membership: Membership, specification: PodSpecification) {
        registryID = hosting.registryID(id)
        self.hosting = hosting
        self.membership = membership
        self.specification = specification
    }

    func whenEnded(_ action: @escaping @Sendable (UInt32) async -> Void) { onEnd = action }

    // MARK: placing

    /// The pod's VM; its first container decides what it is, and whose image it has. Those who come meanwhile wait for
    /// the same: as long as each offer to a VM, and then an answer, may take (`ControlTimeouts`).
    func home(
        zoneSizeInBytes: UInt64, image: @escaping @Sendable () async throws -> StoredImage
    ) async throws -> Home {
        switch state {
        case .ended: throw Status(.failedPrecondition, "the sandbox \(registryID) has ended")
        case .placed(let placed): return placed.home
        case .placing(let task): return try await task.value.home
        case .unplaced:
            let task = Task { try await place(try await image(), zoneSizeInBytes) }
            state = .placing(task)
            do { return try await settle(try await task.value).home } catch {
                // The next container may have better luck.
                if case .placing = state { state = .unplaced }
                throw error
            }
        }
    }

    /// The sandbox is in a VM. It may have been ended meanwhile.
    private func settle(_ placed: Placed) async throws -> Placed {
        guard case .placing = state else {
            placed.forward?.cancel()
            await remove(from: placed.connection)
            throw Status(.failedPrecondition, "the sandbox \(registryID) has ended")
        }
        state = .placed(placed)
        return placed
    }

    private func place(_ image: StoredImage, _ zoneSizeInBytes: UInt64) async throws -> Placed {
        let (hosting, membership, specification, id) = (hosting, membership, specification, registryID)
        let (conversation, key) = try await hosting.work.runApart { () throws -> (PlacingConversation, FunctionKey) in
            let (placement, _, files) = try hosting.placement()
            let key = membership.key(image: image, kernel: files.identity, zoneSizeInBytes: zoneSizeInBytes, unique: id)
            var order = Placement.Order(
                key: key,
                record: ContainerRecord(id: id, key: key, sizes: nil, spec: specification.spec, image: "pause"),
                specification: try specification.compile(layers: [], zoneSizeInBytes: 0), streams: .none, image: image,
                store: hosting.images)
            order.zoneSizeInBytes = 0
            order.beginning = .create(sandbox: "")
            order.place = membership.place(of: specification.spec)
            return try order.withNetwork(at: specification.networkNamespace) {
                (try PlacingConversation($0, by: placement), key)
            }
        }
        let (begun, machine) = try await conversation.run(hosting.work)
        do {
            return try await begin(begun, try Home(key: key, machine: machine, image: image))
        } catch {
            // Another container of the pod may make it anew.
            try? await hosting.work.run { try hosting.registry.forget(id) }
            throw error
        }
    }

    /// Until the VM has made and started the sandbox.
    private func begin(_ begun: BegunConversation, _ home: Home) async throws -> Placed {
        let (connection, answers) = try await MachineConnection.adopt(begun, group: hosting.group)
        do {
            switch try await connection.first(of: answers) {
            case .done?: break
            case let answer: throw home.failure(answer)
            }
            try await connection.ask(.start(container: registryID))
        } catch {
            connection.close()
            throw error
        }
        Task { await follow(answers) }
        let (hosting, id) = (hosting, registryID)
        let forward = specification.networkNamespace.flatMap { LoopbackForward.begin($0, to: id, in: home, hosting) }
        return Placed(home: home, connection: connection, forward: forward)
    }

    // MARK: the end

    private func follow(_ answers: AsyncStream<ControlReply>) async {
        var code: UInt32 = 255
        for await answer in answers {
            if case .exited(let record) = answer, record.container == registryID, record.process == 0 {
                code = UInt32(record.code)
            }
            break
        }
        guard let placed = finish() else { return }
        placed?.connection.close()
        await report(code)
    }

    /// Ends it, once: what it was placed as, if it was; nil where it had ended before.
    private func finish() -> Placed?? {
        defer { state = .ended }
        switch state {
        case .unplaced, .placing: return .some(nil)
        case .placed(let placed):
            placed.forward?.cancel()
            return .some(placed)
        case .ended: return nil
        }
    }

    private func report(_ code: UInt32) async {
        let action = onEnd
        onEnd = nil
        await action?(code)
    }

    /// Ends the sandbox as a pause container ends by a signal: any but the deadly is ignored. The end is not waited for:
    /// when containerd hears of it, it lets go of the connection on which it waits for the answer to its signal.
    func signal(_ signal: UInt32) {
        let deadly: [UInt32: UInt32] = [1: 0, 2: 0, 3: 0, 9: 137, 15: 0]
        guard let code = deadly[signal], let placed = finish() else { return }
        Task {
            await remove(from: placed?.connection)
            await report(code)
        }
    }

    /// Takes the sandbox out of its VM.
    func end() async {
        guard let placed = finish() else { return await remove(from: nil) }
        await remove(from: placed?.connection)
    }

    /// A VM that does not answer (`ControlTimeouts.answer`) ends it with its connection.
    private func remove(from connection: MachineConnection?) async {
        if let connection {
            _ = try? await connection.ask(.remove(container: registryID))
            connection.close()
        }
        let (registry, id) = (hosting.registry, registryID)
        try? await hosting.work.run { try registry.forget(id) }
    }
}
