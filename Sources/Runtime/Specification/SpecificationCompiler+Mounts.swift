import AgentProtocol
import OCI

extension SpecificationCompiler {
    private static let fileSystems = ["proc", "sysfs", "tmpfs", "devpts", "mqueue", "cgroup", "cgroup2"]

    func mounts(_ mounts: [RuntimeSpec.Mount]) throws(SpecificationError) -> [Mount] {
        var compiled: [Mount] = []
        for mount in mounts { compiled.append(try compile(mount)) }
        return compiled
    }

    private func compile(_ mount: RuntimeSpec.Mount) throws(SpecificationError) -> Mount {
        let setting = "the mount at \(mount.destination)"
        guard mount.destination.hasPrefix("/") else {
            throw .invalid(setting: "mounts.destination", value: mount.destination, expected: "an absolute path")
        }
        let isMapped = mount.uidMappings?.isEmpty == false || mount.gidMappings?.isEmpty == false
        try SpecificationError.refuse(isMapped, "\(setting): uidMappings", "", "there are no user namespaces")
        let words = mount.options ?? []
        let isBind = mount.type == "bind" || words.contains("bind") || words.contains("rbind")
        try SpecificationError.refuse(
            isBind, "\(setting): a bind mount of", mount.source ?? "", "volumes cannot be shared with a VM yet")
        let type = mount.type ?? ""
        guard Self.fileSystems.contains(type) else {
            throw .unsupported(
                setting: "\(setting): the file system", value: type,
                reason: "expected one of \(Self.fileSystems.joined(separator: ", "))")
        }
        let options = try MountOptions(words, fileSystem: type, setting: setting)
        return Mount(
            source: .fileSystem(type: type == "cgroup" ? "cgroup2" : type, name: mount.source ?? type),
            destination: mount.destination, flags: options.flags, propagation: options.propagation,
            data: options.data.joined(separator: ","))
    }
}
