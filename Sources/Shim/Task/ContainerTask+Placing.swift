import AgentProtocol
import ControlProtocol
import OCI
import Runtime
import SystemPackage
import TTRPC

/// How a container, and what is executed in it, comes into a VM. Nothing here waits for a VM with a thread.
extension ContainerTask {
    /// Finds a VM for the container and makes it there; its first process waits for its start.
    func place(_ root: RootSource) async throws {
        let sizes = try ZoneChoice(specification.spec, membership, try Configuration.load())
        zoneSizeInBytes = sizes.own
        maxZoneSizeInBytes = sizes.elastic
        let name = specification.imageName ?? "container \(id)"
        let (podHome, image) = try await home(for: root, named: name, zoneSizeInBytes: sizes.machine)
        let (conversation, key, streams) = try await conversation(root, image, podHome, sizes, name)
        do {
            let (begun, machine) = try await conversation.run(hosting.work)
            do {
                try await settle(begun, try Home(key: key, machine: machine, image: image), streams)
            } catch {
                let (registry, registryID) = (hosting.registry, registryID)
                try? await hosting.work.run { try registry.forget(registryID) }
                throw error
            }
        } catch {
            await streams.end()
            throw error
        }
    }

    /// Where the container's pod is, if it has one, and the image of the VM that it is to be in.
    private func home(
        for root: RootSource, named name: String, zoneSizeInBytes: UInt64
    ) async throws -> (Home?, StoredImage) {
        let hosting = hosting
        let image: @Sendable () async throws -> StoredImage = {
            try await hosting.work.runApart {
                try hosting.images.awaitAnswer()
                return try root.image(from: hosting.images, name: name)
            }
        }
        guard let pod else { return (nil, try await image()) }
        let home = try await pod.home(zoneSizeInBytes: zoneSizeInBytes, image: image)
        return (home, home.image)
    }

    /// Enters the container, with its streams open.
    private func conversation(
        _ root: RootSource, _ image: StoredImage, _ podHome: Home?, _ sizes: ZoneChoice, _ name: String
    ) async throws -> (PlacingConversation, FunctionKey, OpenStreams) {
        let (hosting, bundle, io) = (hosting, bundle, initial.io)
        let logger = BinaryLogger.Identity(container: id, namespace: hosting.namespace)
        let (specification, membership, registryID) = (specification, membership, registryID)
        let (sandbox, holder) = (pod?.registryID ?? "", hooked?.processHolder)
        return try await hosting.work.runApart {
            let (placement, configuration, files) = try hosting.placement()
            let key =
                podHome?.key
                ?? membership.key(
                    image: image, kernel: files.identity, zoneSizeInBytes: sizes.machine, unique: registryID)
            var volumes = try VolumeSet(of: specification.spec.mounts ?? [], relativeTo: FilePath(bundle))
            let layer =
                try podHome.map { try root.layer(in: $0, hosting.images, named: name, hosting.timeouts, &volumes) }
                ?? .image(device: 0)
            let compiled = try specification.compile(
                layers: [layer], zoneSizeInBytes: max(sizes.own, sizes.elastic), volumes: volumes,
                keeping: hosting.registry.filters)
            let (streams, far) = try OpenStreams.open(io, logger: logger)
            var order = Placement.Order(
                key: key,
                record: ContainerRecord(
                    id: registryID, key: key, sizes: sizes, spec: specification.spec, image: name),
                specification: compiled, streams: far, image: image, store: hosting.images, volumes: volumes)
            order.zoneSizeInBytes = sizes.own
            order.maxZoneSizeInBytes = min(sizes.elastic, key.zoneSizeInBytes)
            order.beginning = .create(sandbox: sandbox)
            order.pinned = podHome?.machine
            order.place = membership.place(of: specification.spec)
            order.warmStart = try membership.warmStart(of: key, configuration.warmStart)
            return try order.withNetwork(at: specification.networkNamespace, heldBy: holder) {
                (try PlacingConversation($0, by: placement), key, streams)
            }
        }
    }

    /// Until the VM has made the container.
    private func settle(_ begun: BegunConversation, _ home: Home, _ streams: OpenStreams) async throws {
        let (connection, answers) = try await MachineConnection.adopt(begun, group: hosting.group)
        do {
            switch try await connection.first(of: answers) {
            case .done?: break
            case let answer: throw home.failure(answer)
            }
        } catch {
            // What the VM may still have of it ends with its connection.
            connection.close()
            throw error
        }
        self.home = home
        initial.connection = connection
        initial.streams = streams
        follow(answers, of: initial)
    }

    /// Runs one more process in the container.
    func execute(_ process: TaskProcess) async throws {
        guard let home, let spec = process.spec else {
            throw Status(.failedPrecondition, "\(name(initial)) runs no programs")
        }
        let (hosting, registryID, io) = (hosting, registryID, process.io)
        let logger = BinaryLogger.Identity(container: id, namespace: hosting.namespace)
        let (zone, seccomp) = (zoneSizeInBytes, specification.spec.linux?.seccomp)
        let filters = hosting.registry.filters
        let (begun, streams) = try await hosting.work.runApart { () throws -> (BegunConversation, OpenStreams) in
            let compiler = SpecificationCompiler(
                layers: [], zoneSizeInBytes: zone, seccomp: SeccompCompiler(keeping: filters))
            let compiled = try compiler.process(spec, seccomp: seccomp)
            let (streams, far) = try OpenStreams.open(io, logger: logger)
            guard let connection = try home.machine.connect(timeouts: hosting.timeouts) else {
                throw RuntimeError.virtualMachineEnded(id: home.machine.id, lastWords: home.machine.lastWords())
            }
            let request = ExecuteRequest(
                container: registryID, descriptors: far.passed, endsWithConnection: true,
                execute: Execute(container: ContainerNumber(0), process: ProcessNumber(1), specification: compiled))
            let number = try connection.send(.execute(request), descriptors: far.descriptors)
            return (BegunConversation(connection, request: number), streams)
        }
        do {
            let (connection, answers) = try await MachineConnection.adopt(begun, group: hosting.group)
            process.connection = connection
            let answer = try await connection.first(of: answers)
            // 0 is the container's first process.
            guard case .started(let started)? = answer, started.container == registryID, started.process > 0 else {
                throw home.failure(answer)
            }
            process.number = started.process
            process.streams = streams
            follow(answers, of: process)
        } catch {
            process.connection?.close()
            await streams.end()
            process.connection = nil
            throw error
        }
    }
}

extension ContainerRecord {
    init(id: String, key: FunctionKey, sizes: ZoneChoice?, spec: RuntimeSpec, image: String) {
        self.init(
            id: id, key: key, image: image, created: currentTimeInNanoseconds(), memoryLimitInBytes: sizes?.limit ?? 0,
            process: spec.process ?? RuntimeSpec.Process(args: []), isDetached: false, isRemovedAtEnd: true)
        zoneSizeInBytes = sizes.map { max($0.own, $0.elastic) } ?? 0
        seccomp = spec.linux?.seccomp
    }
}
