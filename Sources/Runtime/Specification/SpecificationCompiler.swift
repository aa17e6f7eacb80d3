public import AgentProtocol
public import OCI

/// Turns an OCI runtime specification (runtime-spec 1.2) into what the agent carries out. Whatever neither does is
/// refused by its name.
public struct SpecificationCompiler: Sendable {
    /// Where the layers of the root file system are in the guest, topmost first.
    public var layers: [Tree]
    /// The size of the container's zone in bytes.
    public var zoneSizeInBytes: UInt64
    /// The size of its terminal if it gets one and the specification does not say.
    public var windowSize: WindowSize?
    /// Small files to put into the container, such as /etc/resolv.conf.
    public var files: [InlineFile]
    /// Of the bind mounts of the specification that is to be compiled.
    public var volumes: VolumeSet
    let seccomp: SeccompCompiler

    public init(
        layers: [Tree], zoneSizeInBytes: UInt64, windowSize: WindowSize? = nil, files: [InlineFile] = [],
        volumes: VolumeSet = .none, seccomp: SeccompCompiler = SeccompCompiler()
    ) {
        self.layers = layers
        self.zoneSizeInBytes = zoneSizeInBytes
        self.windowSize = windowSize
        self.files = files
        self.volumes = volumes
        self.seccomp = seccomp
    }

    public func compile(_ spec: RuntimeSpec) throws(SpecificationError) -> ContainerSpecification {
        try check(version: spec.ociVersion)
        guard let process = spec.process else { throw .missing(setting: "process") }
        let linux = spec.linux ?? RuntimeSpec.Linux()
        try refuseHooks(spec.hooks)
        try refuseUnsupported(linux)
        try check(deviceNodes: linux.devices ?? [])
        try check(deviceRules: linux.resources?.devices ?? [])
        let namespaces = try self.namespaces(linux.namespaces ?? [])
        var compiled = ContainerSpecification(
            root: RootFileSystem(
                layers: layers, isReadOnly: spec.root?.readonly ?? false,
                propagation: try MountOptions.propagation(ofRoot: linux.rootfsPropagation)),
            namespaces: namespaces, process: try self.process(process, seccomp: linux.seccomp))
        compiled.mounts = try mounts(spec.mounts ?? [])
        compiled.files = files
        compiled.hostname = try ownName(spec.hostname, "hostname", namespaces)
        compiled.domainName = try ownName(spec.domainname, "domainname", namespaces)
        compiled.maskedPaths = linux.maskedPaths ?? []
        compiled.readOnlyPaths = linux.readonlyPaths ?? []
        compiled.systemControls = try systemControls(linux.sysctl ?? [:], namespaces)
        compiled.userMappings = try UserMappings(of: linux)
        compiled.limits = try limits(linux.resources ?? RuntimeSpec.Resources())
        return compiled
    }

    private func check(version: String) throws(SpecificationError) {
        guard version.split(separator: ".").first == "1" else {
            throw .invalid(setting: "ociVersion", value: version, expected: "1.x")
        }
    }

    private func refuseHooks(_ hooks: RuntimeSpec.Hooks?) throws(SpecificationError) {
        guard let hooks else { return }
        let all: [(String, [RuntimeSpec.Hook]?)] = [
            ("prestart", hooks.prestart), ("createRuntime", hooks.createRuntime),
            ("createContainer", hooks.createContainer),
            ("startContainer", hooks.startContainer), ("poststart", hooks.poststart), ("poststop", hooks.poststop),
        ]
        for (name, list) in all {
            try SpecificationError.refuse(
                list?.isEmpty == false, "hooks.\(name)", "", "programs of the host cannot enter the VM")
        }
    }

    private func ownName(
        _ name: String?, _ setting: String, _ namespaces: Namespaces
    ) throws(SpecificationError) -> String {
        guard let name, !name.isEmpty else { return "" }
        guard namespaces.hostName == .new else {
            throw .invalid(setting: setting, value: name, expected: "none without a uts namespace of its own")
        }
        guard name.utf8.count <= 64 else { throw .invalid(setting: setting, value: name, expected: "at most 64 bytes") }
        return name
    }
}
