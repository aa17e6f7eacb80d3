import AgentProtocol
import ControlProtocol
import FileShare
import LinuxSystem

/// A container's specification names a volume that was not attached for it.
struct UnknownVolume: Error, CustomStringConvertible {
    let path: String
    let attached: Int

    var description: String { "the volume \(path) is not among the \(attached) that were attached for the container" }
}

/// Files and directories of the host that containers see: from the client that opened them to the container's end. What may
/// wait for a volume's file system is done on the files threads. Protected by the device lock.
final class AttachedVolumes {
    /// How long a volume's file system may take to say what the volume is, in seconds; then the client is refused, before
    /// it takes the VM for silent.
    private static let deadline: UInt64 = 15

    private let files: any VolumeServer
    private let threads: WorkerThreads
    private let work: DiskWork
    private let deadlines: Deadlines

    init(
        _ files: any VolumeServer, _ threads: WorkerThreads, on loop: EventLoop, _ deadlines: Deadlines
    ) throws(SystemError) {
        self.files = files
        self.threads = threads
        work = try DiskWork(on: loop, threads)
        self.deadlines = deadlines
    }

    /// Takes volumes for a container that is run later on the same connection, whose further requests wait for it.
    func attach(_ request: AttachRequest, _ caller: ControlCaller) throws(Refusal) {
        let descriptors = try caller.takeDescriptors(request.volumes.count)
        guard files.isServing else { throw Refusal(.noFileServer, "no process serves the VM's volumes yet") }
        guard let session = caller.session else { return }
        guard
            (session.volumes[request.container]?.count ?? 0) + descriptors.count <= AttachRequest.maxVolumesOfContainer
        else { throw Refusal(.invalid, "more than \(AttachRequest.maxVolumesOfContainer) volumes of one container") }
        session.hold()
        var isLate = false
        let late = deadlines.after(seconds: Self.deadline) { [weak session] in
            isLate = true
            caller.reply(.refused(Refusal(.late, "a volume's file system has not answered within \(Self.deadline) s")))
            session?.release()
        }
        let volumes = Array(zip(descriptors, request.volumes.map(\.options)))
        work.perform { [files] in
            Self.attach(volumes, to: files)
        } then: { [self] result in
            deadlines.cancel(late)
            switch result {
            case .success(let ids):
                guard !isLate, let session = caller.session else { return detach(ids) }
                session.volumes[request.container, default: []] += ids
                caller.reply(.done)
            case .failure(let error):
                // One that has ended is replaced by the client.
                let reason: Refusal.Reason = error == .serverGone ? .noFileServer : .invalid
                if !isLate { caller.reply(.refused(Refusal(reason, "\(error)"))) }
            }
            if !isLate { caller.session?.release() }
        }
    }

    /// Another process serves volumes from now on; nothing changes where one does already.
    func serve(_ caller: ControlCaller) throws(Refusal) {
        _ = files.connect(try caller.takeDescriptors(ControlRequest.fileServerConnections))
        caller.reply(.done)
    }

    /// All of them or none; on a files thread.
    private static func attach(
        _ volumes: [(OwnedDescriptor, VolumeOptions)], to files: any VolumeServer
    ) -> Result<[String], VolumeError> {
        var ids: [String] = []
        do throws(VolumeError) {
            for (descriptor, options) in volumes { ids.append(try files.attach(descriptor, options)) }
            return .success(ids)
        } catch {
            for id in ids { files.detach(id) }
            return .failure(error)
        }
    }

    /// The volumes that its client attached for it become the container's, and its mounts get the names by which the
    /// guest finds them: others' are out of its reach.
    func take(
        for container: HostedContainer, _ specification: inout ContainerSpecification
    ) throws(UnknownVolume) {
        container.volumes = container.caller.session?.volumes.removeValue(forKey: container.id) ?? []
        for index in specification.mounts.indices {
            guard case .bind(let tree, let recursive) = specification.mounts[index].source else { continue }
            specification.mounts[index].source = .bind(try named(tree, container.volumes), recursive: recursive)
        }
        for index in specification.root.layers.indices {
            specification.root.layers[index] = try named(specification.root.layers[index], container.volumes)
        }
    }

    private func named(_ tree: Tree, _ volumes: [String]) throws(UnknownVolume) -> Tree {
        guard case .share(let tag, let path) = tree else { return tree }
        guard tag == AttachRequest.tag, let number = Int(path), volumes.indices.contains(number) else {
            throw UnknownVolume(path: path, attached: volumes.count)
        }
        return .share(tag: tag, path: volumes[number])
    }

    /// What was attached for a container that was refused.
    func drop(for container: String, of caller: ControlCaller) {
        detach(caller.session?.volumes.removeValue(forKey: container) ?? [])
    }

    /// What was attached by a client that has gone.
    func dropAll(of session: ControlSession) {
        for volumes in session.volumes.values { detach(volumes) }
        session.volumes = [:]
    }

    func detach(from container: HostedContainer) {
        detach(container.volumes)
        container.volumes = []
    }

    private func detach(_ volumes: [String]) {
        guard !volumes.isEmpty else { return }
        threads.add { [files] in
            for volume in volumes { files.detach(volume) }
        }
    }
}

extension AttachRequest.Volume {
    fileprivate var options: VolumeOptions {
        var options: VolumeOptions = isReadOnly ? .readOnly : []
        if isRecursive { options.insert(.recursive) }
        if isConstant { options.insert(.constant) }
        return options
    }
}
