public import AgentProtocol
public import ControlProtocol
import LinuxSystem
public import OCI
import SystemPackage

/// A container as the user asked for it, worked out against its image and this host.
public struct RunPlan: Sendable {
    public let image: StoredImage
    public let key: FunctionKey
    public let record: ContainerRecord
    public let specification: ContainerSpecification
    public let volumes: VolumeSet
    public let warmStart: WarmStart?
    public let logOptions: LogOptions
    /// What it reaches through its tenant's fabric; nil: nothing.
    public let fabric: FabricAccess?
    /// What its zone has at first, and what it grows to; 0: it does not grow. Without meaning for one that has none.
    public let zoneSizeInBytes: UInt64
    public let maxZoneSizeInBytes: UInt64

    /// Works it out; the registry, which it will be entered in, keeps its compiled filter.
    public init(
        _ options: RunOptions, image: StoredImage, configuration: Configuration, files: VirtualMachineFiles,
        registry: Registry
    ) throws {
        try Self.check(options)
        let memory = options.memory?.bytes ?? configuration.zoneSizeInBytes
        zoneSizeInBytes = try ZoneSize.fitting(memory)
        let isElastic = options.memory == nil && !options.isAlone
        maxZoneSizeInBytes = isElastic ? try ZoneSize.elastic(configuration) : 0
        let zone = max(zoneSizeInBytes, maxZoneSizeInBytes)
        let id = options.name ?? Registry.freshID()
        self.image = image
        key = FunctionKey(
            function: options.function, tenant: options.tenant, image: image.digest, kernel: files.identity,
            zoneSizeInBytes: zone, isAlone: options.isAlone)
        let fabric = try options.fabric.map { try FabricAccess($0, tenant: options.tenant) }
        self.fabric = fabric
        var spec = try Self.runtimeSpec(options, image: image, id: id, memory: isElastic ? nil : memory, configuration)
        if let fabric, let environment = spec.process?.env {
            spec.process?.env = environment + fabric.added(to: environment)
        }
        guard let process = spec.process else { throw RuntimeError.invalid("the container has nothing to run") }
        record = ContainerRecord(
            id: id, key: key, image: options.image, created: currentTimeInNanoseconds(),
            memoryLimitInBytes: ZoneSize.memoryLimit(isElastic ? zone : memory, inZoneOf: zone), process: process,
            isDetached: options.isDetached, isRemovedAtEnd: options.isRemovedAtEnd)
        var logOptions = configuration.logOptions
        for word in options.logOptions { try logOptions.set(word, origin: "--log-opt") }
        self.logOptions = logOptions
        // A copy of a process has the users that its template has.
        warmStart = try configuration.warmStart.warmStart(
            of: key.function, choice: options.hasOwnUsers ? false : options.isWarmStart ? true : nil,
            varying: options.varying.flatMap { $0.split(separator: ",").map(String.init) })
        volumes = try VolumeSet(of: spec.mounts ?? [], relativeTo: CurrentProcess.workingDirectory)
        let compiler = SpecificationCompiler(
            layers: [.image(device: 0)], zoneSizeInBytes: zone, windowSize: Self.windowSize,
            files: NetworkFiles.all(hostname: spec.hostname ?? id), volumes: volumes,
            seccomp: SeccompCompiler(keeping: registry.filters))
        var compiled = try compiler.compile(spec)
        compiled.mounts += Self.imageVolumes(image.config, besides: spec.mounts ?? [])
        specification = compiled
    }

    /// The directories that the image says are volumes: made where they are missing, and writable where the root is
    /// not. What is mounted there or above it takes their place.
    private static func imageVolumes(_ config: ImageConfig, besides mounts: [RuntimeSpec.Mount]) -> [Mount] {
        (config.volumes ?? []).sorted().compactMap { volume in
            let path = FilePath(volume).lexicallyNormalized()
            let isCovered = mounts.contains { path.starts(with: FilePath($0.destination).lexicallyNormalized()) }
            guard path.isAbsolute, !path.components.isEmpty, !isCovered else { return nil }
            return Mount(source: .itself, destination: CString(path.string))
        }
    }

    /// That of this process's terminal.
    private static var windowSize: WindowSize? {
        Terminal(StandardStream.input.descriptor)?.size.map { WindowSize(rows: $0.rows, columns: $0.columns) }
    }

    private static func depth(_ mount: RuntimeSpec.Mount) -> Int {
        FilePath(unescaping: mount.destination).lexicallyNormalized().components.count
    }

    private static func check(_ options: RunOptions) throws {
        if let name = options.name { try FunctionKey.check(name, is: "container name") }
        if let function = options.function { try FunctionKey.check(function, is: "function name") }
        try FunctionKey.check(options.tenant, is: "tenant")
        if options.hasTerminal, options.isDetached { return }
        if options.hasTerminal, options.isInteractive, Terminal(StandardStream.input.descriptor) == nil {
            throw RuntimeError.invalid("--tty with --interactive needs a terminal as standard input: leave out -t")
        }
    }

    private static func runtimeSpec(
        _ options: RunOptions, image: StoredImage, id: String, memory: UInt64?, _ configuration: Configuration
    ) throws -> RuntimeSpec {
        var config = image.config
        var arguments = options.arguments
        if let entryPoint = options.entryPoint {
            // As docker has it: the image's own arguments are for the image's own entry point.
            config.entrypoint = entryPoint.isEmpty ? nil : [entryPoint]
            config.cmd = nil
            if entryPoint.isEmpty, arguments.isEmpty { arguments = image.config.cmd ?? [] }
        }
        var spec = try RuntimeSpec.default(
            for: config, accounts: image.accounts, arguments: arguments,
            environment: try Environment.words(of: options),
            workingDirectory: options.workingDirectory, user: options.user, terminal: options.hasTerminal,
            hostname: options.hostname ?? String(id.prefix(64)))
        spec.root?.readonly = options.isReadOnly
        // What lies within another comes after it, as docker has it.
        let volumes = try options.volumes.map { try VolumeArgument($0).mount }.enumerated().sorted {
            (Self.depth($0.element), $0.offset) < (Self.depth($1.element), $1.offset)
        }
        spec.mounts = (spec.mounts ?? []) + volumes.map(\.element)
        if options.hasOwnUsers { giveOwnUsers(to: &spec) }
        if let sets = spec.process?.capabilities {
            let chosen = try CapabilityChoice(
                adding: options.addedCapabilities, dropping: options.droppedCapabilities
            ).applied(to: sets)
            spec.process?.capabilities = chosen
            spec.linux?.seccomp = DefaultSeccompProfile.seccomp(for: chosen.bounding ?? [])
        }
        let limits = resources(options, memory: memory, spec, configuration)
        spec.linux?.resources = limits
        return spec
    }

    /// As many as other systems have; on its volumes they are what they are in the container.
    private static func giveOwnUsers(to spec: inout RuntimeSpec) {
        let range = RuntimeSpec.IDMapping(
            containerID: 0, hostID: UserMappings.ownNumbers, size: 65_536)
        spec.linux?.uidMappings = [range]
        spec.linux?.gidMappings = [range]
        spec.linux?.namespaces?.append(RuntimeSpec.Namespace(type: "user"))
        for index in spec.mounts?.indices ?? 0..<0 where spec.mounts?[index].type == "bind" {
            spec.mounts?[index].options?.append("idmap")
        }
    }

    private static func resources(
        _ options: RunOptions, memory: UInt64?, _ spec: RuntimeSpec, _ configuration: Configuration
    ) -> RuntimeSpec.Resources {
        var resources = spec.linux?.resources ?? RuntimeSpec.Resources()
        resources.memory = memory.map { RuntimeSpec.Memory(limit: Int64(clamping: $0)) }
        resources.pids = RuntimeSpec.Pids(limit: options.processesMax ?? Int64(clamping: configuration.processesMax))
        if let milliCPUs = options.milliCPUs {
            resources.cpu = RuntimeSpec.CPU(quota: Int64(milliCPUs * 100), period: 100_000)
        }
        return resources
    }
}

/// The files in which a container finds its own name and others' addresses.
enum NetworkFiles {
    private static let maxResolverBytes = 64 << 10

    static func all(hostname: String) -> [InlineFile] {
        let hosts = """
            127.0.0.1\tlocalhost
            ::1\tlocalhost ip6-localhost ip6-loopback
            127.0.1.1\t\(hostname)

            """
        var files = [
            InlineFile(path: "/etc/hostname", contents: Array("\(hostname)\n".utf8)),
            InlineFile(path: "/etc/hosts", contents: Array(hosts.utf8)),
        ]
        if let resolver = try? FileSystem.contents(of: "/etc/resolv.conf", atMost: maxResolverBytes) {
            files.append(InlineFile(path: "/etc/resolv.conf", contents: resolver))
        }
        return files
    }
}

/// `--cap-add` and `--cap-drop`.
public struct CapabilityChoice {
    private let added: [String]
    private let dropped: [String]

    public init(adding: [String], dropping: [String]) throws {
        added = try adding.flatMap(Self.names)
        dropped = try dropping.flatMap(Self.names)
    }

    /// First what is dropped goes, then what is added comes, so that `--cap-drop ALL --cap-add CHOWN` leaves one.
    public func applied(to sets: RuntimeSpec.Capabilities) -> RuntimeSpec.Capabilities {
        var sets = sets
        let isRoot = sets.effective?.isEmpty == false
        let bounding = (sets.bounding ?? []).filter { !dropped.contains($0) }
        sets.bounding = bounding + added.filter { !bounding.contains($0) }
        if isRoot {
            sets.effective = sets.bounding
            sets.permitted = sets.bounding
        }
        return sets
    }

    private static func names(_ text: String) throws -> [String] {
        let upper = text.uppercased()
        if upper == "ALL" { return Capability.names }
        let name = upper.hasPrefix("CAP_") ? upper : "CAP_" + upper
        guard Capability.names.contains(name) else {
            throw RuntimeError.invalid("\(quoted(text)) is no capability: expected a name such as NET_ADMIN, or ALL")
        }
        return [name]
    }
}
