import LinuxSystem
import AgentProtocol
import OCI
import Runtime
import TTRPC

/// A `config.json` as containerd writes it, made fit for a VM: what stands for things of the host becomes what it is in
/// the guest, or is refused by its name.
struct PodSpecification: Sendable {
    /// What goes to the compiler.
    private(set) var spec: RuntimeSpec
    /// Namespaces that are the sandbox's.
    private(set) var joined: Set<String> = []
    /// The path of the network namespace that CNI has made; nil: none.
    private(set) var networkNamespace: String?
    private(set) var files: [InlineFile] = []

    static let joinable = ["network", "ipc", "uts", "pid"]
    /// Small files of the host that are handed over as they are now.
    private static let inlineFiles: Set = ["/etc/hosts", "/etc/hostname", "/etc/resolv.conf"]
    private static let maxFileBytes = 512 << 10

    init(_ spec: RuntimeSpec, _ membership: Membership, read: (String) throws -> [UInt8]?) throws {
        self.spec = spec
        try takeNamespaces(membership)
        try takeMounts(read)
        // `ContainerHooks` has them, or has refused them. A sandbox's are the compiler's to refuse.
        if membership.role != .sandbox { self.spec.hooks = nil }
        // Rules of the host's security modules: what they guard the host from, the VM does.
        self.spec.process?.apparmorProfile = nil
        self.spec.process?.selinuxLabel = nil
        self.spec.linux?.mountLabel = nil
        if joined.contains("uts") { self.spec.hostname = nil }
    }

    /// A pause container needs its namespaces, name and sysctls; its image is not used.
    static func sandbox(_ spec: RuntimeSpec, _ membership: Membership) throws -> PodSpecification {
        var plain = spec
        plain.mounts = []
        plain.root = nil
        plain.linux?.seccomp = nil
        plain.linux?.maskedPaths = nil
        plain.linux?.readonlyPaths = nil
        plain.process = RuntimeSpec.Process(args: ["/pause"])
        plain.process?.oomScoreAdj = spec.process?.oomScoreAdj
        return try PodSpecification(plain, membership) { _ in nil }
    }

    private mutating func takeNamespaces(_ membership: Membership) throws {
        var namespaces = spec.linux?.namespaces ?? []
        for index in namespaces.indices {
            guard let path = namespaces[index].path, !path.isEmpty else { continue }
            let type = namespaces[index].type
            if case .member = membership.role, Self.joinable.contains(type) {
                joined.insert(type)
            } else if case .member = membership.role, type == "user" {
                // The sandbox's: the VM knows it by the sandbox's network, and the mappings are the same.
            } else if type == "network" {
                // Made by CNI or by a user for this container alone.
                networkNamespace = path
            } else {
                throw Status(
                    .unimplemented,
                    "the namespace \(type) at \(quoted(path)) is not supported: a VM cannot join the host's")
            }
            namespaces[index].path = nil
        }
        for type in Self.joinable where !namespaces.contains(where: { $0.type == type }) {
            throw Status(
                .unimplemented,
                "the host's \(type) namespace is not supported: the container runs in a VM (hostNetwork, hostIPC, hostPID)"
            )
        }
        spec.linux?.namespaces = namespaces
    }

    private mutating func takeMounts(_ read: (String) throws -> [UInt8]?) throws {
        var mounts: [RuntimeSpec.Mount] = []
        for var mount in spec.mounts ?? [] {
            if mount.isBind, mount.destination == "/dev/shm" {
                mount = RuntimeSpec.Mount(
                    destination: "/dev/shm", type: "tmpfs", source: "shm",
                    options: ["nosuid", "noexec", "nodev", "mode=1777"])
            } else if mount.isBind, Self.inlineFiles.contains(mount.destination) {
                let contents = try mount.source.flatMap { try read($0) } ?? []
                guard contents.count <= Self.maxFileBytes else {
                    throw Status(
                        .invalidArgument,
                        "\(mount.source ?? "") for \(mount.destination) is longer than \(Self.maxFileBytes) bytes")
                }
                files.append(InlineFile(path: mount.destination, contents: contents))
                continue
            }
            mounts.append(mount)
        }
        spec.mounts = mounts
    }

    /// What the user named the image by; containerd gives it for pods' containers.
    var imageName: String? { spec.annotations?[Annotation.imageName] }

    /// The compiled specification, with the sandbox's namespaces marked for the VM to fill in.
    /// - Parameter filters: where the compiled filter is kept; nil: nowhere.
    func compile(
        layers: [Tree], zoneSizeInBytes: UInt64, volumes: VolumeSet = .none, keeping filters: CompiledFilters? = nil
    ) throws -> ContainerSpecification {
        let compiler = SpecificationCompiler(
            layers: layers, zoneSizeInBytes: zoneSizeInBytes, files: files, volumes: volumes,
            seccomp: SeccompCompiler(keeping: filters))
        var compiled = try compiler.compile(spec)
        let sandbox = NamespaceChoice.container(ContainerNumber(0))
        if joined.contains("network") { compiled.namespaces.network = sandbox }
        if joined.contains("ipc") { compiled.namespaces.ipc = sandbox }
        if joined.contains("uts") { compiled.namespaces.hostName = sandbox }
        if joined.contains("pid") { compiled.namespaces.process = sandbox }
        return compiled
    }
}
