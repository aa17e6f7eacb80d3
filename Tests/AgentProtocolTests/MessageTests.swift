import AgentProtocol
import Testing

private func roundTrip<Content: Message & Equatable>(_ message: Content) throws {
    var decoder = FrameDecoder()
    decoder.append(try Frame.bytes(of: message, request: 9)[...])
    let frame = try #require(try decoder.next())
    #expect(frame.request == 9)
    #expect(try frame.message(Content.self) == message)
    // Every shorter payload is refused, none traps.
    for count in 0..<frame.payload.count {
        let cut = Frame(type: frame.type, request: 9, payload: [UInt8](frame.payload.prefix(count)))
        #expect(throws: ProtocolError.self) { try cut.message(Content.self) }
    }
}

private let timings = [StepTiming(step: .clone, microseconds: 120), StepTiming(step: .mounts, microseconds: 340)]
private let container = ContainerNumber(4)

private let process = ProcessSpecification(
    arguments: ["sh", "-c", "echo ü"], environment: ["PATH=/bin", "A="], workingDirectory: "/srv", userID: 1000,
    groupID: 100, additionalGroups: [4, 5], umask: 0o077,
    capabilities: CapabilitySets(bounding: 1, effective: 2, permitted: 3, inheritable: 4, ambient: 5),
    resourceLimits: [ResourceLimit(resource: 7, soft: 1024, hard: .max)], noNewPrivileges: true,
    seccomp: SeccompFilter(flags: 2, program: [6, 0, 0, 0, 0, 0, 0xFF, 0x7F]), oomScoreAdjustment: -500,
    terminal: WindowSize(rows: 24, columns: 80), streams: StandardStreams(input: 2000, output: 2001, error: 0))

private let specification = ContainerSpecification(
    root: RootFileSystem(
        layers: [.image(device: 1), .share(tag: "t", path: "a/b"), .guest(path: "/x")], writableBytes: 1 << 26,
        isReadOnly: true, propagation: 1 << 18),
    mounts: [
        Mount(source: .fileSystem(type: "proc", name: "proc"), destination: "/proc", flags: 14),
        Mount(
            source: .bind(.share(tag: "v", path: "data"), recursive: true), destination: "/data", flags: 1,
            propagation: 1 << 19, data: ""),
        Mount(source: .bind(.guest(path: "/etc/x"), recursive: false), destination: "/etc/x"),
    ],
    files: [InlineFile(path: "/etc/hosts", contents: [0x31, 0x0A])],
    namespaces: Namespaces(network: .container(ContainerNumber(2)), ipc: .guest), hostname: "box", domainName: "lan",
    maskedPaths: ["/proc/kcore"], readOnlyPaths: ["/proc/sys"],
    systemControls: [SystemControl(name: "net.ipv4.ip_forward", value: "1")],
    limits: everyLimit,
    process: process)

private var everyLimit: ResourceLimits {
    var limits = ResourceLimits(
        memoryMax: 120 << 20, memoryLow: 1, processesMax: 100, cpuQuota: 50_000, cpuPeriod: 100_000, cpuWeight: 100)
    (limits.memoryHigh, limits.memoryMin, limits.killsWhole) = (2, 3, false)
    (limits.cpuBurst, limits.isIdle) = (4, true)
    return limits
}

@Test func handshakeMessagesSurviveTheWire() throws {
    try roundTrip(hello)
    try roundTrip(
        Setup(
            wallClock: 1_700_000_000_000_000_000, entropy: [UInt8](0..<32), hostname: "czone",
            maxContainers: 3))
    try roundTrip(Renew(wallClock: 1, entropy: [1, 2]))
    try roundTrip(Renew(wallClock: 1, entropy: [], images: [2, 3]))
    try roundTrip(BringImage(image: 1, device: 2, base: 1 << 39))
    try roundTrip(ReleaseImage(image: 3))
    try roundTrip(PowerOff())
    try roundTrip(Done(timings: timings))
    try roundTrip(Failure(code: 22, step: .mounts, text: "mount nosuchfs on /x"))
}

@Test func containerMessagesSurviveTheWire() throws {
    try roundTrip(
        CreateContainer(container: container, node: 3, zoneBytes: 128 << 20, start: true, specification: specification))
    for origin in [ProcessOrigin.template, .copy(of: ContainerNumber(2)), .trial(of: ContainerNumber(2))] {
        try roundTrip(
            CreateContainer(
                container: container, node: 0, zoneBytes: 0, start: true, origin: origin, specification: specification))
    }
    try roundTrip(StartContainer(container: container))
    try roundTrip(Execute(container: container, process: ProcessNumber(2), specification: process))
    try roundTrip(ProcessStarted(processID: 17, refusal: "it has threads", timings: timings))
    try roundTrip(DeleteContainer(container: container))
    let zone = ZoneOffline(
        onlineBytes: 1 << 27, anonymousPages: 1, filePages: 2, sharedPages: 3, code: 16, pagesMigrated: 4,
        timings: timings)
    try roundTrip(ContainerDeleted(zone: zone, timings: []))
    try roundTrip(ContainerDeleted(zone: nil, timings: timings))
    try roundTrip(zone)
    try roundTrip(OnlineZone(node: 1, sizeInBytes: 128 << 20))
    try roundTrip(OfflineZone(node: 1))
    try roundTrip(PauseContainer(container: container))
    try roundTrip(ResumeContainer(container: container))
    try roundTrip(UpdateResources(container: container, limits: specification.limits))
    try roundTrip(Reclaim(container: container, bytes: 1 << 20))
    try roundTrip(Reclaimed(before: 2, after: 1, timings: timings))
    try roundTrip(ReadClock())
    try roundTrip(ClockReading(wallClock: .max))
    for nanoseconds in [0, -1, Int64.min, .max] { try roundTrip(AdjustClock(nanoseconds: nanoseconds)) }
}

@Test func processMessagesSurviveTheWire() throws {
    try roundTrip(SendSignal(container: container, signal: 15))
    try roundTrip(SendSignal(container: container, process: ProcessNumber(1), signal: 9, all: true))
    try roundTrip(ResizeTerminal(container: container, size: WindowSize(rows: 1, columns: 2)))
    try roundTrip(ListProcesses(container: container))
    for opening in [RelayConnection.Opening.agent, .container] {
        try roundTrip(
            RelayConnection(container: container, port: 8080, hostPort: 0x1_0002, opening: opening, timeout: 5))
    }
    try roundTrip(ProcessList(processIDs: [1, 2, 3]))
    try roundTrip(
        Exited(container: container, process: .initial, status: ExitStatus(rawValue: 256), oomKilled: false, time: 1))
    try roundTrip(OutOfMemory(container: container, kills: 2))
    try roundTrip(
        TemplateReached(container: container, microseconds: 1, threads: 2, memoryBytes: 3, refusal: "a socket"))
    try roundTrip(ZoneChanged(node: 2, onlineBytes: 128 << 20))
}

@Test func measuresSurviveTheWire() throws {
    try roundTrip(MeasureContainers())
    try roundTrip(MeasureNodes())
    try roundTrip(MeasurePlacement(container: container))
    try roundTrip(
        NodeMeasures(
            nodes: [NodeMeasure(node: 0, totalBytes: 2, freeBytes: 1)], pagesMigrated: 3, agentResidentBytes: 4))
    try roundTrip(
        PagePlacement(
            processes: 2, inZone: 1, outsideZone: 0, fileOutsideZone: 3, inImage: 4, cachePages: 5, firstOutside: 6,
            firstOutsideMapping: "[heap]"))
    // Each number its own, so that two fields in each other's place would show.
    var measure = ContainerMeasure(container: container)
    measure.memoryCurrent = 1
    measure.file = 2
    measure.oomKills = 3
    measure.cpuUsage = 4
    measure.cpuThrottled = 5
    measure.processesMax = 6
    measure.zoneUsed = 7
    try roundTrip(ContainerMeasures(containers: [measure, ContainerMeasure(container: ContainerNumber(5))]))
}

@Test func createContainerIsLaidOutAsDocumented() throws {
    let request = CreateContainer(
        container: ContainerNumber(1), node: 2, zoneBytes: 0x800_0000, zoneTimeout: 5000, start: true,
        specification: ContainerSpecification(
            root: RootFileSystem(layers: [.image(device: 0)]),
            process: ProcessSpecification(arguments: ["a"], streams: StandardStreams(output: 5))))
    let expected: [UInt8] = [
        1, 0, 0, 0,  // container
        2, 0, 0, 0,  // node
        0, 0, 0, 8, 0, 0, 0, 0,  // zone bytes: 128 MiB
        0, 0, 0, 0, 0, 0, 0, 0,  // its zone does not grow
        0x88, 0x13, 0, 0,  // zone timeout
        1,  // start
        0,  // origin: a program
        1, 0, 0, 0, 0, 0, 0, 0, 0,  // one layer: image 0
        0, 0, 0, 0, 0, 0, 0, 0,  // writable bytes
        0,  // root is not read-only
        0, 0, 0, 0, 0, 0, 0, 0,  // root propagation
        0, 0, 0, 0,  // mounts
        0, 0, 0, 0,  // files
        0, 0, 0, 0, 0,  // five new namespaces
        0, 0, 0, 0, 0, 0, 0, 0,  // host and domain name
        0, 0, 0, 0, 0, 0, 0, 0,  // masked, read-only paths
        0, 0, 0, 0,  // sysctls
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // eleven limits, none given
        2, 0, 0, 0, 0x61, 0,  // arguments: "a"
        0, 0, 0, 0,  // environment
        1, 0, 0, 0, 0x2F,  // working directory "/"
        0, 0, 0, 0, 0, 0, 0, 0,  // user, group
        0, 0, 0, 0,  // additional groups
        0,  // umask
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // capabilities …
        0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,  // … five sets
        0, 0, 0, 0,  // resource limits
        1,  // no new privileges
        0,  // seccomp
        0, 0, 0, 0,  // oom score adjustment
        0,  // terminal
        0, 0, 0, 0, 5, 0, 0, 0, 0, 0, 0, 0,  // streams
        0, 0, 0, 0,  // interfaces
        0, 0, 0, 0, 0, 0, 0, 0,  // users' and groups' mappings
    ]
    #expect(try Frame.bytes(of: request, request: 3).dropFirst(Frame.headerLength).elementsEqual(expected))
}

@Test func textsFromTheGuestCannotCommandATerminal() throws {
    let failure = Failure(code: 1, step: .request, text: "a\u{1B}[2Jb\u{9B}c\nü")
    var decoder = FrameDecoder()
    decoder.append(try Frame.bytes(of: failure)[...])
    let frame = try #require(try decoder.next())
    #expect(try frame.message(Failure.self).text == "a?[2Jb\u{BF}c?ü")
}
