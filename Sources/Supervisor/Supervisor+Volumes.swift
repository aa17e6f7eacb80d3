import AgentProtocol
import ControlProtocol
import FileShare
import LinuxSystem

/// A container's specification names a volume that nobody has attached for it.
struct UnknownVolume: Error, CustomStringConvertible {
    let path: String
    let attached: Int

    var description: String { "the volume \(path) is not among the \(attached) that were attached for the container" }
}

/// Files and folders of the host that containers see: from the client that opened them to the container's end.
extension Supervisor {
    func attach(_ request: AttachRequest, _ waiter: Waiter) {
        guard let connection = waiter.connection, let descriptors = connection.takeDescriptors(request.volumes.count)
        else {
            return waiter.refuse(.invalid, "\(request.volumes.count) volumes were announced and did not come")
        }
        var attached = connection.volumes[request.container] ?? []
        defer { connection.volumes[request.container] = attached }
        for (descriptor, volume) in zip(descriptors, request.volumes) {
            guard attached.count < AttachRequest.mostOfContainer else {
                return waiter.refuse(.invalid, "more than \(AttachRequest.mostOfContainer) volumes of one container")
            }
            var options: VolumeOptions = volume.isReadOnly ? .readOnly : []
            if volume.isRecursive { options.insert(.recursive) }
            if volume.isConstant { options.insert(.constant) }
            do { attached.append(try configuration.files.attach(descriptor, options)) } catch {
                return waiter.refuse(.invalid, "\(error)")
            }
        }
        waiter.reply(.done)
    }

    /// The volumes that its client attached for it become the container's, and its mounts get the names by which the
    /// guest finds them: others' are out of its reach.
    func takeVolumes(
        for container: Container, _ connection: ControlConnection?, _ specification: inout ContainerSpecification
    ) throws {
        container.volumes = connection?.volumes.removeValue(forKey: container.id) ?? []
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
    func dropVolumes(for container: String, _ connection: ControlConnection?) {
        detach(connection?.volumes.removeValue(forKey: container) ?? [])
    }

    func detachVolumes(of container: Container) {
        detach(container.volumes)
        container.volumes = []
    }

    private func detach(_ volumes: [String]) {
        guard !volumes.isEmpty else { return }
        configuration.fileThreads.add { [files = configuration.files] in
            for volume in volumes { files.detach(volume) }
        }
    }
}
