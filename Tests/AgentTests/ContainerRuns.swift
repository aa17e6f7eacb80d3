import AgentProtocol
import LinuxSystem
import Testing

/// What docker gives a container to mount.
let usualMounts = [
    Mount(source: .fileSystem(type: "proc", name: "proc"), destination: "/proc", flags: 14),
    Mount(
        source: .fileSystem(type: "tmpfs", name: "tmpfs"), destination: "/dev", flags: 2, data: "mode=755,size=65536k"),
    Mount(
        source: .fileSystem(type: "devpts", name: "devpts"), destination: "/dev/pts", flags: 10,
        data: "newinstance,ptmxmode=0666,mode=0620,gid=5"),
    Mount(
        source: .fileSystem(type: "tmpfs", name: "shm"), destination: "/dev/shm", flags: 14,
        data: "mode=1777,size=65536k"),
    Mount(source: .fileSystem(type: "mqueue", name: "mqueue"), destination: "/dev/mqueue", flags: 14),
    Mount(source: .fileSystem(type: "sysfs", name: "sysfs"), destination: "/sys", flags: 15),
    Mount(source: .fileSystem(type: "cgroup2", name: "cgroup"), destination: "/sys/fs/cgroup", flags: 15),
]

/// Docker's default capabilities.
let usualCapabilities = CapabilitySets(
    bounding: 0xA804_25FB, effective: 0xA804_25FB, permitted: 0xA804_25FB, inheritable: 0, ambient: 0)

/// How a container's or a process's run went.
struct RunOutcome {
    var output: String
    var error: String
    var status: AgentProtocol.ExitStatus
    var started: ProcessStarted
}

extension AgentSession {
    /// A container that runs a program, and the stream of what it prints.
    func printing(_ arguments: [String]) throws -> (ContainerNumber, OwnedDescriptor) {
        let number = newContainer()
        let (port, listener) = try listen()
        let specification = specification(arguments) { $0.process.streams.output = port }
        _ = try call(
            CreateContainer(container: number, node: 0, zoneBytes: 0, start: true, specification: specification))
        return (number, try listener.accept())
    }

    func specification(
        _ arguments: [String], _ change: (inout ContainerSpecification) -> Void = { _ in }
    ) -> ContainerSpecification {
        var specification = ContainerSpecification(
            root: RootFileSystem(layers: [tree("root")], writableBytes: 64 << 20),
            mounts: usualMounts, hostname: "box",
            maskedPaths: ["/proc/kcore", "/proc/acpi", "/sys/firmware", "/proc/nosuch"],
            readOnlyPaths: ["/proc/sys", "/proc/nosuch"],
            limits: ResourceLimits(memoryMax: 256 << 20, processesMax: 100),
            process: ProcessSpecification(
                arguments: CStringList(texts: arguments), environment: ["PATH=/bin"], capabilities: usualCapabilities))
        change(&specification)
        return specification
    }

    /// A container from its making to its deletion.
    func run(
        _ arguments: [String], input: [UInt8]? = nil, _ change: (inout ContainerSpecification) -> Void = { _ in }
    ) throws -> RunOutcome {
        let number = newContainer()
        let output = try listen()
        let error = try listen()
        let inputListener = try input.map { _ in try listen() }
        let specification = specification(arguments) {
            change(&$0)
            $0.process.streams = StandardStreams(
                input: inputListener?.port ?? 0, output: output.port, error: error.port)
        }
        let started = try call(
            CreateContainer(container: number, node: 0, zoneBytes: 0, start: true, specification: specification))
        if let input, let inputListener {
            let stream = try inputListener.1.accept()
            try stream.write(all: input)
            stream.endWriting()
        }
        let outputText = try output.1.accept().readText()
        let errorText = try error.1.accept().readText()
        let exited = try exit(of: number)
        _ = try call(DeleteContainer(container: number))
        return RunOutcome(output: outputText, error: errorText, status: exited.status, started: started)
    }

    /// The containers that the agent knows.
    func containers() throws -> [ContainerNumber] { try call(MeasureContainers()).containers.map(\.container) }

    func measure(_ container: ContainerNumber) throws -> ContainerMeasure {
        try #require(try call(MeasureContainers()).containers.first { $0.container == container })
    }

    /// A container that lives until it is killed.
    func sleeper(_ change: (inout ContainerSpecification) -> Void = { _ in }) throws -> ContainerNumber {
        let number = newContainer()
        let request = CreateContainer(
            container: number, node: 0, zoneBytes: 0, start: true,
            specification: specification(["sleep", "1000"], change))
        _ = try call(request)
        return number
    }

    func execute(
        _ arguments: [String], in container: ContainerNumber, as process: UInt32 = 1,
        _ change: (inout ProcessSpecification) -> Void = { _ in }
    ) throws -> RunOutcome {
        let output = try listen()
        let error = try listen()
        var specification = ProcessSpecification(
            arguments: CStringList(texts: arguments), environment: ["PATH=/bin"], capabilities: usualCapabilities,
            streams: StandardStreams(output: output.port, error: error.port))
        change(&specification)
        let started = try call(
            Execute(container: container, process: ProcessNumber(process), specification: specification))
        let outputText = try output.1.accept().readText()
        let errorText = try error.1.accept().readText()
        let exited = try exit(of: container, ProcessNumber(process))
        return RunOutcome(output: outputText, error: errorText, status: exited.status, started: started)
    }
}
