import AgentProtocol
import ControlProtocol
import LinuxSystem
import OCI
import Runtime
import SystemPackage
import TTRPC

/// A VM that a container, or a pod, is in.
struct Home: Sendable {
    let key: FunctionKey
    let machine: VirtualMachineFolder
    let processID: Int32
    /// The one that it has mapped.
    let image: StoredImage

    /// - Throws: where the VM has no process any more.
    init(key: FunctionKey, machine: VirtualMachineFolder, image: StoredImage) throws {
        guard let processID = try machine.processID() else {
            throw RuntimeError.virtualMachineEnded(id: machine.id, lastWords: machine.lastWords())
        }
        self.key = key
        self.machine = machine
        self.processID = processID
        self.image = image
    }
}

extension ContainerTask {
    /// Finds a VM for the container and makes it there; its first process waits for its start.
    func place(_ root: RootSource) async throws {
        let (hosting, spec, name) = (hosting, specification.spec, specification.imageName ?? "container \(id)")
        let sizes = try ZoneChoice(spec, membership, try Configuration.load())
        zoneSizeInBytes = sizes.own
        let pod = memberOf
        let (podHome, image) = try await home(for: root, named: name, zoneSizeInBytes: sizes.machine)
        let (id, bundle) = (id, bundle)
        let (io, logger) = (initial.io, BinaryLogger.Identity(container: id, namespace: hosting.namespace))
        let (specification, membership, registryID) = (specification, membership, registryID)
        let sandbox = pod?.registryID ?? ""
        let begun = try await hosting.work.run { () throws -> (BegunConversation, Home, OpenStreams) in
            let (placement, _, files) = try hosting.placement()
            let key =
                podHome?.key
                ?? membership.key(
                    image: image, kernel: files.identity, zoneSizeInBytes: sizes.machine, unique: registryID)
            var volumes = try VolumeSet(of: specification.spec.mounts ?? [], relativeTo: FilePath(bundle))
            let layer = pod == nil ? .image(device: 0) : try root.layer(in: image, hosting.images, &volumes)
            let compiled = try specification.compile(layers: [layer], zoneSizeInBytes: sizes.own, volumes: volumes)
            let (streams, far) = try OpenStreams.open(io, logger: logger)
            var order = Placement.Order(
                key: key, record: ContainerRecord(id: registryID, key: key, sizes: sizes, spec: spec, image: name),
                specification: compiled, streams: far, image: image, store: hosting.images,
                volumes: volumes)
            order.zoneSizeInBytes = sizes.own
            order.beginning = .create(sandbox: sandbox)
            order.pinned = podHome?.machine
            let placed = try placement.place(order, networkAt: specification.networkNamespace)
            let home = try Home(key: key, machine: placed.machine, image: image)
            return (BegunConversation(placed.connection, request: placed.request), home, streams)
        }
        do { try await settle(begun.0, begun.1, begun.2) } catch {
            begun.2.end()
            let registry = hosting.registry
            try? await hosting.work.run { try registry.forget(registryID) }
            throw error
        }
    }

    /// Where the container's pod is, if it has one, and the image of the VM that it is to be in.
    private func home(
        for root: RootSource, named name: String, zoneSizeInBytes: UInt64
    ) async throws -> (Home?, StoredImage) {
        let hosting = hosting
        let image: @Sendable () async throws -> StoredImage = {
            try await hosting.work.run { try root.image(from: hosting.images, name: name) }
        }
        guard let memberOf else { return (nil, try await image()) }
        let home = try await memberOf.home(zoneSizeInBytes: zoneSizeInBytes, image: image)
        return (home, home.image)
    }

    /// Waits until the VM has made the container.
    private func settle(_ begun: BegunConversation, _ home: Home, _ streams: OpenStreams) async throws {
        let (connection, answers) = try await MachineConnection.adopt(begun, group: hosting.group)
        var iterator = answers.makeAsyncIterator()
        do {
            switch await iterator.next() {
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

    /// Waits for a process's end.
    private func follow(_ answers: AsyncStream<ControlReply>, of process: TaskProcess) {
        let (container, number, execID) = (registryID, process.number, process.execID)
        Task {
            for await answer in answers {
                guard case .exited(let record) = answer, record.container == container, record.process == number else {
                    Log.tell(.error, "the VM of \(name(process)) tells of another one's end")
                    process.connection?.close()
                    break
                }
                return ended(execID, record)
            }
            ended(execID, nil)
        }
    }

    /// Runs one more process in the container.
    func execute(_ process: TaskProcess) async throws {
        guard let home, let spec = process.spec else {
            throw Status(.failedPrecondition, "\(name(initial)) runs no programs")
        }
        let (hosting, registryID, io) = (hosting, registryID, process.io)
        let logger = BinaryLogger.Identity(container: id, namespace: hosting.namespace)
        let (zone, seccomp) = (zoneSizeInBytes, specification.spec.linux?.seccomp)
        let (begun, streams) = try await hosting.work.run { () throws -> (BegunConversation, OpenStreams) in
            let compiler = SpecificationCompiler(layers: [], zoneSizeInBytes: zone)
            let compiled = try compiler.process(spec, seccomp: seccomp)
            let (streams, far) = try OpenStreams.open(io, logger: logger)
            guard let connection = try home.machine.connect() else {
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
            var iterator = answers.makeAsyncIterator()
            let answer = await iterator.next()
            // 0 is the container's first process.
            guard case .started(let started)? = answer, started.container == registryID, started.process > 0 else {
                throw home.failure(answer)
            }
            process.number = started.process
            process.streams = streams
            follow(answers, of: process)
        } catch {
            streams.end()
            process.connection?.close()
            process.connection = nil
            throw error
        }
    }
}

extension Home {
    /// Why something did not begin, by what the VM answered instead; nil: its connection has ended.
    func failure(_ answer: ControlReply?) -> any Error {
        switch answer {
        case .refused(let refusal)?: RuntimeError.refused(refusal)
        case .exited(let record)?:
            Status(
                .failedPrecondition,
                "the container has ended meanwhile" + (record.reason.isEmpty ? "" : ": \(record.reason)"))
        case nil: RuntimeError.virtualMachineEnded(id: machine.id, lastWords: machine.lastWords())
        default: RuntimeError.conversation("the VM \(machine.id) answered something else than what it was asked")
        }
    }
}

extension Placement {
    /// Places a container with the interfaces of a network namespace; nil: none but the loopback. They are given back
    /// when the container's folder is removed.
    func place(_ order: Order, networkAt path: String?) throws(RuntimeError) -> Placed {
        guard let path else { return try place(order) }
        var order = order
        let network = try PodNetwork(namespaceAt: path)
        order.network = network
        do { return try place(order) } catch {
            network.detach()
            throw error
        }
    }
}

/// The sizes of a container's zone.
struct ZoneChoice: Sendable {
    /// What is plugged for it at first.
    let own: UInt64
    /// What the VM's zones have, which it can grow to.
    let machine: UInt64
    /// memory.max.
    let limit: UInt64

    init(_ spec: RuntimeSpec, _ membership: Membership, _ configuration: Configuration) throws {
        let asked = spec.linux?.resources?.memory?.limit.flatMap { $0 > 0 ? UInt64($0) : nil }
        let memory = asked ?? configuration.zoneSizeInBytes
        own = try Self.zone(for: memory)
        let sizeClass = try membership.zoneSizeInBytes ?? ZoneSize.fitting(configuration.zoneSizeInBytes)
        machine = max(own, sizeClass)
        limit = ZoneSize.memoryLimit(memory, inZoneOf: own)
    }

    /// - Throws: `invalidArgument` where no host gives so little, or this one has not so much.
    static func zone(for memoryInBytes: UInt64) throws(Status) -> UInt64 {
        do { return try ZoneSize.fitting(memoryInBytes) } catch { throw Status(.invalidArgument, error.description) }
    }
}

extension Membership {
    /// - Parameter unique: what no other pod has, for one that has its VM for itself.
    func key(image: StoredImage, kernel: String, zoneSizeInBytes: UInt64, unique: String) -> FunctionKey {
        var key = FunctionKey(
            function: function, tenant: tenant, image: image.digest, kernel: kernel, zoneSizeInBytes: zoneSizeInBytes)
        if isOnePerVM { key.function += "/\(unique)" }
        return key
    }
}

extension ContainerRecord {
    init(id: String, key: FunctionKey, sizes: ZoneChoice?, spec: RuntimeSpec, image: String) {
        self.init(
            id: id, key: key, image: image, created: currentTimeInNanoseconds(), memoryLimitInBytes: sizes?.limit ?? 0,
            process: spec.process ?? RuntimeSpec.Process(args: []), isDetached: false, isRemovedAtEnd: true)
        zoneSizeInBytes = sizes?.own ?? 0
        seccomp = spec.linux?.seccomp
    }
}
