import AgentProtocol
import ControlProtocol
import Testing

/// What containers must have in common to be copies of one template, and the messages about it.
@Suite struct WarmStartTests {
    private let warmStart = WarmStart(varying: ["TOKEN"], timeoutInSeconds: 5, memoryInBytes: 6)

    private var specification: ContainerSpecification {
        var specification = ContainerSpecification(
            root: RootFileSystem(layers: [.image(device: 0)]),
            mounts: [
                Mount(source: .fileSystem(type: "proc", name: "proc"), destination: "/proc"),
                Mount(source: .bind(.share(tag: "czone", path: "0"), recursive: false), destination: "/data"),
            ],
            process: ProcessSpecification(
                arguments: ["python3", "app.py"], environment: ["PATH=/bin", "TOKEN=a", "HOSTNAME=a"]))
        specification.hostname = "a"
        return specification
    }

    private func identity(
        _ change: (inout ContainerSpecification) -> Void = { _ in }
    ) throws -> ProcessTemplateIdentity {
        var specification = specification
        change(&specification)
        return try ProcessTemplateIdentity(of: specification, warmStart)
    }

    @Test func whatIsAContainersOwnIsNotPartOfItsIdentity() throws {
        let other = try identity {
            $0.hostname = "b"
            $0.domainName = "b"
            $0.files = [InlineFile(path: "/etc/hosts", contents: [1])]
            $0.limits = ResourceLimits(memoryMax: 1)
            $0.systemControls = [SystemControl(name: "net.a", value: "1")]
            $0.namespaces.network = .container(ContainerNumber(7))
            $0.mounts[1].source = .bind(.share(tag: "czone", path: "4"), recursive: true)
            $0.process.streams = StandardStreams(input: 1, output: 2, error: 3)
            $0.process.environment = ["PATH=/bin", "HOSTNAME=b", "TOKEN=b"]
        }
        #expect(try other == identity() && other.bytes == identity().bytes)
    }

    @Test func whatAProgramSeesBeforeItsPointIsPartOfIt() throws {
        let changes: [(inout ContainerSpecification) -> Void] = [
            { $0.process.arguments.append("-v") },
            { $0.process.environment = ["PATH=/sbin", "HOSTNAME=a", "TOKEN=a"] },
            { $0.process.environment.append("TOKENS=a") },
            { $0.process.userID = 1 },
            { $0.process.seccomp = SeccompFilter(flags: 0, program: [1]) },
            { $0.process.resourceLimits = [ResourceLimit(resource: 7, soft: 1, hard: 1)] },
            { $0.mounts[1].destination = "/other" },
            { $0.mounts.removeLast() },
            { $0.root.isReadOnly = true },
        ]
        for change in changes { #expect(try identity(change) != identity()) }
    }

    @Test func whatCannotBeACopySaysWhy() {
        let obstacles: [(ProcessTemplateIdentity.Obstacle, (inout ContainerSpecification) -> Void)] = [
            (.terminal, { $0.process.terminal = WindowSize(rows: 1, columns: 1) }),
            (.foreignRoot, { $0.root.layers = [.share(tag: "czone", path: "0")] }),
            (.sharedProcesses, { $0.namespaces.process = .container(ContainerNumber(0)) }),
        ]
        for (obstacle, change) in obstacles { #expect(throws: obstacle) { try identity(change) } }
    }

    @Test func aTemplatesSpecificationIsWhatIsCommonWithoutVolumes() throws {
        let template = try identity().template(
            files: [InlineFile(path: "/etc/hosts", contents: [])], in: ContainerNumber(3), memoryMax: 9, processesMax: 8
        )
        #expect(template.mounts.map(\.destination) == ["/proc"] && template.files.count == 1)
        #expect(template.namespaces == Namespaces(process: .container(ContainerNumber(3))))
        #expect(template.limits == ResourceLimits(memoryMax: 9, processesMax: 8))
        #expect(template.process.environment == ["PATH=/bin"])
    }

    @Test func anIdentityIsReadAsItWasWritten() throws {
        let identity = try identity()
        #expect(try ProcessTemplateIdentity(bytes: identity.bytes) == identity)
        #expect(throws: ProtocolError.self) { try ProcessTemplateIdentity(bytes: identity.bytes + [0]) }
    }

    @Test func requestsAndRepliesAreReadAsTheyWereWritten() throws {
        var run = RunRequest(
            id: "c", zoneSizeInBytes: 1 << 27, descriptors: [], endsWithConnection: true,
            create: CreateContainer(
                container: ContainerNumber(0), node: 0, zoneBytes: 0, start: true, specification: specification),
            warmStart: warmStart)
        run.log = RunRequest.Log(fileCount: 3, maxFileBytes: 1 << 24)
        let relay = RelayRequest(container: "c", port: 80, opening: .container, timeoutInMilliseconds: 7)
        for request in [
            ControlRequest.run(run), .processTemplates, .removeProcessTemplate(number: 9), .relay(relay),
            .bringImage(digest: "sha256:0"),
        ] {
            var decoder = ControlFrameDecoder<ControlRequest>()
            decoder.append(try ControlFrame(request: 1, content: request).bytes())
            #expect(try decoder.next()?.content == request)
        }
        let report = ProcessTemplateReport(
            number: 1, state: .refused, reason: "it has a connected socket", reachedAfterMicroseconds: 2, threads: 3,
            memoryBytes: 4, instances: 5, command: "python3 app.py")
        let started = Started(
            container: "c", process: 0, guestProcessID: 1, plugMicroseconds: 2, totalMicroseconds: 3, isCopy: true)
        for reply in [ControlReply.processTemplates([report]), .started(started)] {
            var decoder = ControlFrameDecoder<ControlReply>()
            decoder.append(try ControlFrame(request: 1, content: reply).bytes())
            #expect(try decoder.next()?.content == reply)
        }
    }
}
