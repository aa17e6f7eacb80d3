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

/// Files and folders of the host that containers see: from the client that opened them to the container's end. Protected
/// by the device lock.
final class AttachedVolumes {
    private let files: FileServer
    private let threads: WorkerThreads

    /// - Parameter threads: do what may wait for a disk.
    init(_ files: FileServer, _ threads: WorkerThreads) {
        self.files = files
        self.threads = threads
    }

    /// Takes volumes for a container that is run later on the same connection.
    func attach(_ request: AttachRequest, _ caller: ControlCaller) throws(Refusal) {
        let descriptors = try caller.takeDescriptors(request.volumes.count)
        guard let session = caller.session else { return }
        var attached = session.volumes[request.container] ?? []
        defer { session.volumes[request.container] = attached }
        for (descriptor, volume) in zip(descriptors, request.volumes) {
            guard attached.count < AttachRequest.mostOfContainer else {
                throw Refusal(.invalid, "more than \(AttachRequest.mostOfContainer) volumes of one container")
            }
            do { attached.append(try files.attach(descriptor, volume.options)) } catch {
                throw Refusal(.invalid, "\(error)")
            }
        }
        caller.reply(.done)
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
