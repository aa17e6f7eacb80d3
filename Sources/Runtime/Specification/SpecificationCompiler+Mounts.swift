import AgentProtocol
import ControlProtocol
import OCI

extension SpecificationCompiler {
    private static let fileSystems = ["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"]

    func mounts(_ mounts: [RuntimeSpec.Mount]) throws(SpecificationError) -> [Mount] {
        var compiled: [Mount] = []
        for (index, mount) in mounts.enumerated() { compiled.append(try compile(mount, index)) }
        return compiled
    }

    private func compile(_ mount: RuntimeSpec.Mount, _ index: Int) throws(SpecificationError) -> Mount {
        let setting = "the mount at \(mount.destination)"
        guard mount.destination.hasPrefix("/") else {
            throw .invalid(setting: "mounts.destination", value: mount.destination, expected: "an absolute path")
        }
        if mount.isBind { return try compile(bind: mount, index, setting) }
        let isMapped = mount.uidMappings?.isEmpty == false || mount.gidMappings?.isEmpty == false
        try SpecificationError.refuse(
            isMapped, "\(setting): uidMappings", "", "a new file system belongs to the container's users as it is")
        let type = mount.type ?? ""
        guard Self.fileSystems.contains(type) else {
            throw .unsupported(
                setting: "\(setting): the file system", value: type,
                reason: "expected one of \(Self.fileSystems.joined(separator: ", "))")
        }
        let options = try MountOptions(mount.options ?? [], fileSystem: type, setting: setting)
        return Mount(
            source: .fileSystem(type: type == "cgroup" ? "cgroup2" : type, name: mount.source ?? type),
            destination: Self.string(mount.destination), flags: options.flags, propagation: options.propagation,
            data: options.data.joined(separator: ","))
    }

    private func compile(
        bind mount: RuntimeSpec.Mount, _ index: Int, _ setting: String
    ) throws(SpecificationError) -> Mount {
        let options = try MountOptions(BindOptions.plain(mount.options ?? []), fileSystem: "bind", setting: setting)
        try SpecificationError.refuse(
            options.isShared, "\(setting): the option", "shared", "what a VM mounts cannot be seen on the host")
        switch volumes.place(ofMount: index) {
        case .volume(let number):
            return Mount(
                source: .bind(.share(tag: AttachRequest.tag, path: "\(number)"), recursive: false),
                destination: Self.string(mount.destination), flags: options.flags, propagation: options.propagation,
                data: BindOptions.isMapped(mount) ? Mount.mapsOwners : "")
        case .memory(let sizeInBytes):
            // MS_NOSUID, MS_NODEV, MS_NOEXEC
            return Mount(
                source: .fileSystem(type: "tmpfs", name: "shm"), destination: Self.string(mount.destination),
                flags: options.flags | 2 | 4 | 8, data: "mode=1777,size=\(sizeInBytes)")
        case nil:
            throw .unsupported(
                setting: "\(setting): a bind mount of", value: mount.source ?? "", reason: "its volume was not opened")
        }
    }
}
