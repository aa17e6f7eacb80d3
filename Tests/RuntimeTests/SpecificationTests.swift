import AgentProtocol
import OCI
import Testing

@testable import Runtime

private let compiler = SpecificationCompiler(layers: [.image(device: 0)], zoneSizeInBytes: 128 << 20)

private func usual(_ change: (inout RuntimeSpec) -> Void = { _ in }) throws -> RuntimeSpec {
    var spec = try RuntimeSpec.default(
        for: ImageConfig(cmd: ["/bin/app", "-x"], env: ["A=1"]), accounts: Accounts(), hostname: "box")
    change(&spec)
    return spec
}

@Test func whatDockerGivesIsCompiled() throws {
    let compiled = try compiler.compile(try usual())
    #expect(compiled.root.layers == [.image(device: 0)])
    #expect(compiled.process.arguments == ["/bin/app", "-x"])
    #expect(
        compiled.process.environment == [
            "PATH=/usr/local/sbin:/usr/local/bin:/usr/sbin:/usr/bin:/sbin:/bin", "HOSTNAME=box", "A=1",
        ])
    #expect(compiled.hostname == "box")
    #expect(compiled.namespaces == Namespaces())
    #expect(compiled.process.capabilities.bounding & 1 << 0 != 0)
    #expect(compiled.process.capabilities.bounding & 1 << 21 == 0)
    #expect(compiled.process.seccomp?.program.isEmpty == false)
    #expect(compiled.process.resourceLimits == [ResourceLimit(resource: 7, soft: 1024, hard: 524_288)])
    #expect(compiled.maskedPaths.contains("/proc/kcore"))
    #expect(compiled.readOnlyPaths.contains("/proc/sys"))
    #expect(compiled.limits.memoryMax == 120 << 20)
    let shm = try #require(compiled.mounts.first { $0.destination == "/dev/shm" })
    #expect(shm.source == .fileSystem(type: "tmpfs", name: "shm"))
    #expect(shm.flags == 2 | 4 | 8)
    #expect(shm.data == "mode=1777,size=65536k")
    let cgroup = try #require(compiled.mounts.first { $0.destination == "/sys/fs/cgroup" })
    #expect(cgroup.source == .fileSystem(type: "cgroup2", name: "cgroup"))
    #expect(cgroup.flags & 1 == 1)
}

private func mapped(_ spec: inout RuntimeSpec, from host: UInt32, _ size: UInt32 = 65_536) {
    let range = RuntimeSpec.IDMapping(containerID: 0, hostID: host, size: size)
    spec.linux?.namespaces?.append(RuntimeSpec.Namespace(type: "user"))
    spec.linux?.uidMappings = [range]
    spec.linux?.gidMappings = [range]
}

@Test func usersOfANamespaceGoToTheAgent() throws {
    let compiled = try compiler.compile(try usual { mapped(&$0, from: 131_072) })
    let range = AgentProtocol.IDMapping(container: 0, guest: 131_072, count: 65_536)
    #expect(compiled.userMappings == UserMappings(users: [range], groups: [range]))
    #expect(try compiler.compile(try usual()).userMappings.isEmpty)
    let request = CreateContainer(
        container: ContainerNumber(1), node: 1, zoneBytes: 1, start: true, specification: compiled)
    var encoder = MessageEncoder()
    request.encode(into: &encoder)
    var decoder = MessageDecoder(encoder.bytes)
    #expect(try CreateContainer(decoding: &decoder) == request)
}

@Test(arguments: [(UInt32.max - 1, UInt32(2)), (0, 0), (1 << 31, 1 << 31)] as [(UInt32, UInt32)])
func usersThatCannotBeAreRefused(host: UInt32, size: UInt32) throws {
    let spec = try usual { mapped(&$0, from: host, size) }
    #expect(throws: SpecificationError.self) { try compiler.compile(spec) }
}

@Test func theFormThatTheAgentGetsFitsIntoAFrame() throws {
    let request = CreateContainer(
        container: ContainerNumber(1), node: 1, zoneBytes: 1, start: true,
        specification: try compiler.compile(try usual()))
    var encoder = MessageEncoder()
    request.encode(into: &encoder)
    #expect(encoder.violation == nil)
    var decoder = MessageDecoder(encoder.bytes)
    #expect(try CreateContainer(decoding: &decoder) == request)
}

@Test func processesAreCompiledWholly() throws {
    let compiled = try compiler.compile(
        try usual { spec in
            spec.process?.user = RuntimeSpec.User(uid: 1000, gid: 100, additionalGids: [5, 6])
            spec.process?.user.umask = 0o27
            spec.process?.noNewPrivileges = true
            spec.process?.oomScoreAdj = -7
            spec.process?.terminal = true
            spec.process?.consoleSize = RuntimeSpec.ConsoleSize(height: 50, width: 132)
            spec.root?.readonly = true
            spec.linux?.rootfsPropagation = "rslave"
            spec.linux?.sysctl = ["net.core.somaxconn": "1024", "kernel.shmmax": "1"]
        })
    let process = compiled.process
    #expect((process.userID, process.groupID) == (1000, 100))
    #expect(process.additionalGroups == [5, 6])
    #expect(process.umask == 0o27)
    #expect(process.noNewPrivileges)
    #expect(process.oomScoreAdjustment == -7)
    #expect(process.terminal == WindowSize(rows: 50, columns: 132))
    #expect(compiled.root.isReadOnly)
    #expect(compiled.root.propagation == 1 << 19 | 1 << 14)
    #expect(
        compiled.systemControls == [
            SystemControl(name: "kernel.shmmax", value: "1"), SystemControl(name: "net.core.somaxconn", value: "1024"),
        ])
}

@Test func limitsAreCompiled() throws {
    let compiled = try compiler.compile(
        try usual { spec in
            spec.linux?.resources?.memory = RuntimeSpec.Memory(limit: 64 << 20)
            spec.linux?.resources?.memory?.swap = 64 << 20
            spec.linux?.resources?.memory?.reservation = 32 << 20
            spec.linux?.resources?.pids = RuntimeSpec.Pids(limit: -1)
            spec.linux?.resources?.cpu = RuntimeSpec.CPU(quota: 50_000, period: 100_000)
            spec.linux?.resources?.cpu?.shares = 1024
            spec.linux?.resources?.unified = ["memory.oom.group": "1"]
            spec.linux?.cgroupsPath = "/kubepods/x"
        })
    var expected = ResourceLimits(
        memoryMax: 64 << 20, memoryLow: 32 << 20, processesMax: .max, cpuQuota: 50_000, cpuPeriod: 100_000,
        cpuWeight: 39)
    expected.killsWhole = true
    #expect(compiled.limits == expected)
}

/// As kubelet with MemoryQoS and as docker send them.
@Test func everyKindOfLimitHasItsMeaning() throws {
    let compiled = try compiler.compile(
        try usual { spec in
            spec.linux?.resources?.memory = RuntimeSpec.Memory(limit: 64 << 20)
            spec.linux?.resources?.memory?.swap = 128 << 20
            spec.linux?.resources?.memory?.swappiness = 60
            spec.linux?.resources?.cpu = RuntimeSpec.CPU(quota: 50_000, period: 100_000)
            spec.linux?.resources?.cpu?.burst = 10_000
            spec.linux?.resources?.cpu?.idle = 1
            spec.linux?.resources?.unified = [
                "memory.swap.max": "0", "memory.high": "50331648", "memory.min": "16777216", "memory.low": "max",
                "memory.oom.group": "0", "pids.max": "7", "cpu.weight": "5", "io.weight": "default 100",
                "hugetlb.2MB.max": "max",
            ]
        })
    var expected = ResourceLimits(
        memoryMax: 64 << 20, memoryLow: .max, processesMax: 7, cpuQuota: 50_000, cpuPeriod: 100_000, cpuWeight: 5)
    (expected.memoryHigh, expected.memoryMin, expected.killsWhole) = (48 << 20, 16 << 20, false)
    (expected.cpuBurst, expected.isIdle) = (10_000, true)
    #expect(compiled.limits == expected)
}

@Test(
    arguments: [("max", .max, nil), ("20000", 20_000, nil), ("20000 50000", 20_000, 50_000)]
        as [(String, UInt64, UInt64?)])
func unifiedBandwidthIsQuotaAndPeriod(text: String, quota: UInt64, period: UInt64?) throws {
    let compiled = try compiler.compile(try usual { $0.linux?.resources?.unified = ["cpu.max": text] })
    #expect(compiled.limits.cpuQuota == quota)
    #expect(compiled.limits.cpuPeriod == period)
}

@Test(arguments: [(2, 1), (1024, 39), (262_144, 10_000), (0, 1), (.max, 10_000)] as [(UInt64, UInt64)])
func sharesBecomeWeights(shares: UInt64, weight: UInt64) {
    #expect(SpecificationCompiler.weight(ofShares: shares) == weight)
}

/// A change that czone does not honour, and the word by which its refusal names it.
private struct Refused: CustomTestStringConvertible, Sendable {
    let word: String
    let change: @Sendable (inout RuntimeSpec) -> Void

    init(_ word: String, _ change: @escaping @Sendable (inout RuntimeSpec) -> Void) {
        self.word = word
        self.change = change
    }

    var testDescription: String { word }
}

private func namespace(_ type: String, _ path: String? = nil) -> @Sendable (inout RuntimeSpec) -> Void {
    { $0.linux?.namespaces?.append(RuntimeSpec.Namespace(type: type, path: path)) }
}

private func mount(_ type: String, _ options: [String], at destination: String = "/m")
    -> @Sendable (inout RuntimeSpec) -> Void
{
    { $0.mounts?.append(RuntimeSpec.Mount(destination: destination, type: type, source: "/src", options: options)) }
}

private func allowing(_ type: String?, _ major: Int64?, _ minor: Int64?, _ access: String)
    -> @Sendable (inout RuntimeSpec) -> Void
{
    {
        $0.linux?.resources?.devices?.append(
            RuntimeSpec.DeviceRule(allow: true, type: type, major: major, minor: minor, access: access))
    }
}

private func resources(_ change: @escaping @Sendable (inout RuntimeSpec.Resources) -> Void)
    -> @Sendable (inout RuntimeSpec) -> Void
{
    { spec in
        guard var resources = spec.linux?.resources else { return }
        change(&resources)
        spec.linux?.resources = resources
    }
}

private func memory(_ change: @escaping @Sendable (inout RuntimeSpec.Memory) -> Void)
    -> @Sendable (inout RuntimeSpec) -> Void
{
    resources { resources in
        var memory = RuntimeSpec.Memory()
        change(&memory)
        resources.memory = memory
    }
}

private func cpu(_ change: @escaping @Sendable (inout RuntimeSpec.CPU) -> Void) -> @Sendable (inout RuntimeSpec) -> Void
{
    resources { resources in
        var cpu = RuntimeSpec.CPU()
        change(&cpu)
        resources.cpu = cpu
    }
}

private let refusals: [Refused] = [
    Refused("ociVersion") { $0.ociVersion = "2.0" },
    Refused("process is missing") { $0.process = nil },
    Refused("process.args") { $0.process?.args = [] },
    Refused("process.cwd") { $0.process?.cwd = "here" },
    Refused("process.apparmorProfile") { $0.process?.apparmorProfile = "docker-default" },
    Refused("process.selinuxLabel") { $0.process?.selinuxLabel = "x" },
    Refused("process.commandLine") { $0.process?.commandLine = "cmd" },
    Refused("process.user.username") { $0.process?.user.username = "me" },
    Refused("process.user.umask") { $0.process?.user.umask = 0o1000 },
    Refused("process.oomScoreAdj") { $0.process?.oomScoreAdj = 1001 },
    Refused("CAP_FLY") { $0.process?.capabilities?.effective = ["CAP_FLY"] },
    Refused("RLIMIT_FUN") { $0.process?.rlimits = [RuntimeSpec.ResourceLimit(type: "RLIMIT_FUN", hard: 1, soft: 1)] },
    Refused("RLIMIT_CPU") { $0.process?.rlimits = [RuntimeSpec.ResourceLimit(type: "RLIMIT_CPU", hard: 1, soft: 2)] },
    Refused("each limit once") {
        $0.process?.rlimits = Array(
            repeating: RuntimeSpec.ResourceLimit(type: "RLIMIT_CPU", hard: 1, soft: 1), count: 2)
    },
    Refused("process.consoleSize") {
        $0.process?.terminal = true
        $0.process?.consoleSize = RuntimeSpec.ConsoleSize(height: 70_000, width: 1)
    },
    Refused("linux.namespaces mount is missing") { $0.linux?.namespaces?.removeAll { $0.type == "mount" } },
    Refused("linux.uidMappings is missing", namespace("user")), Refused("\"time\"", namespace("time")),
    Refused("\"magic\"", namespace("magic")),
    Refused("/proc/1/ns/net", namespace("network", "/proc/1/ns/net")),
    Refused("linux.mountLabel") { $0.linux?.mountLabel = "x" },
    Refused("linux.devices \"/dev/fuse\"") { $0.linux?.devices = [device("/dev/fuse", 10, 229)] },
    Refused("linux.devices \"/dev/null\"") { $0.linux?.devices = [device("/dev/null", 8, 0)] },
    Refused("\"a *:* rwm\"", allowing(nil, nil, nil, "rwm")), Refused("\"b 8:0 r\"", allowing("b", 8, 0, "r")),
    Refused("\"c 10:229 rwm\"", allowing("c", 10, 229, "rwm")),
    Refused("kernel.core_pattern") { $0.linux?.sysctl = ["kernel.core_pattern": "x"] },
    Refused("net.ipv4.ip_forward") {
        $0.linux?.sysctl = ["net.ipv4.ip_forward": "1"]
        $0.linux?.namespaces?.removeAll { $0.type == "network" }
    },
    Refused("linux.rootfsPropagation") { $0.linux?.rootfsPropagation = "sideways" },
    Refused("hostname") { $0.linux?.namespaces?.removeAll { $0.type == "uts" } },
    Refused("a bind mount of \"/src\"", mount("bind", ["rbind", "ro"])),
    Refused("a bind mount of \"/src\"", mount("none", ["bind"])),
    Refused("\"ext4\"", mount("ext4", [])), Refused("\"overlay\"", mount("overlay", [])),
    Refused("\"sync\"", mount("tmpfs", ["sync"])), Refused("\"tmpcopyup\"", mount("tmpfs", ["tmpcopyup"])),
    Refused("\"mpol=default\"", mount("tmpfs", ["mpol=default"])), Refused("\"rro\"", mount("tmpfs", ["rro"])),
    Refused("\"size=1,mpol=default\"", mount("tmpfs", ["size=1,mpol=default"])),
    Refused("mounts.destination", mount("tmpfs", [], at: "m")),
    Refused("memory.kernel ", memory { $0.kernel = 1 }),
    Refused("memory.kernelTCP", memory { $0.kernelTCP = 1 }),
    Refused("memory.disableOOMKiller", memory { $0.disableOOMKiller = true }),
    Refused("cpu.cpus", cpu { $0.cpus = "0-1" }), Refused("cpu.mems", cpu { $0.mems = "0" }),
    Refused("cpu.realtimeRuntime", cpu { $0.realtimeRuntime = 1 }),
    Refused("cpu.realtimePeriod", cpu { $0.realtimePeriod = 1 }), Refused("cpu.period", cpu { $0.period = 1 }),
    Refused("cpu.quota", cpu { $0.quota = 1 }),
    Refused("memory.high", resources { $0.unified = ["memory.high": "much"] }),
    Refused("cpu.weight", resources { $0.unified = ["cpu.weight": "10001"] }),
    Refused("cpu.max", resources { $0.unified = ["cpu.max": "1 2 3"] }),
    Refused("\"io.max\"", resources { $0.unified = ["io.max": "8:0 rbps=1"] }),
    Refused("\"cpuset.cpus\"", resources { $0.unified = ["cpuset.cpus": "0"] }),
    Refused("\"hugetlb.2MB.max\"", resources { $0.unified = ["hugetlb.2MB.max": "4096"] }),
    Refused("\"memory.reclaim\"", resources { $0.unified = ["memory.reclaim": "1"] }),
]

private func device(_ path: String, _ major: Int64, _ minor: Int64) -> RuntimeSpec.Device {
    let json = #"{"type":"c","path":"\#(path)","major":\#(major),"minor":\#(minor)}"#
    let spec = try? RuntimeSpec(json: Array(#"{"ociVersion":"1.0.0","linux":{"devices":[\#(json)]}}"#.utf8))
    return spec?.linux?.devices?.first ?? RuntimeSpec.Device.none
}

extension RuntimeSpec.Device {
    fileprivate static var none: RuntimeSpec.Device { preconditionFailure("the literal above is a device") }
}

@Test(arguments: refusals)
private func whatIsNotHonouredIsRefusedByName(refused: Refused) throws {
    do {
        _ = try compiler.compile(try usual(refused.change))
        Issue.record("it was taken")
    } catch { #expect("\(error)".contains(refused.word), "\(error)") }
}

/// Parts that this module has no constructors for, as a config.json spells them.
@Test(arguments: [
    (#""hooks":{"poststart":[{"path":"/bin/x"}]}"#, "hooks.poststart"),
    (#""linux":{"uidMappings":[{"containerID":0,"hostID":1,"size":1}]}"#, "linux.uidMappings"),
    (#""linux":{"gidMappings":[{"containerID":0,"hostID":1,"size":1}]}"#, "linux.gidMappings"),
    (#""linux":{"timeOffsets":{"monotonic":{"secs":1}}}"#, "linux.timeOffsets"),
    (#""linux":{"intelRdt":{"closID":"x"}}"#, "linux.intelRdt"),
    (#""linux":{"personality":{"domain":"LINUX32"}}"#, "LINUX32"),
    (
        #""linux":{"resources":{"blockIO":{"throttleReadBpsDevice":[{"major":8,"minor":0,"rate":1}]}}}"#,
        "blockIO throttling"
    ),
    (#""linux":{"resources":{"hugepageLimits":[{"pageSize":"2MB","limit":5}]}}"#, "2MB"),
    (#""linux":{"resources":{"network":{"classID":5}}}"#, "resources.network"),
    (#""linux":{"resources":{"rdma":{"mlx5_1":{"hcaHandles":3}}}}"#, "resources.rdma"),
    (#""process":{"user":{},"args":["a"],"cwd":"/","scheduler":{"policy":"SCHED_FIFO"}}"#, "SCHED_FIFO"),
    (
        #""process":{"user":{},"args":["a"],"cwd":"/","ioPriority":{"class":"IOPRIO_CLASS_RT","priority":1}}"#,
        "IOPRIO_CLASS_RT"
    ),
    (#""process":{"user":{},"args":["a"],"cwd":"/","execCPUAffinity":{"initial":"0"}}"#, "execCPUAffinity"),
    (
        #""mounts":[{"destination":"/m","type":"tmpfs","uidMappings":[{"containerID":0,"hostID":1,"size":1}]}]"#,
        "uidMappings"
    ),
])
func rarePartsAreRefusedByNameToo(part: String, word: String) throws {
    let process = part.hasPrefix(#""process""#) ? "" : #","process":{"user":{},"args":["a"],"cwd":"/"}"#
    // What every container has, so that only the rare part can be what is refused.
    let namespaces = #""namespaces":[{"type":"mount"}]"#
    let linux = part.hasPrefix(#""linux""#) ? "" : #","linux":{\#(namespaces)}"#
    let rare = linux.isEmpty ? #""linux":{\#(namespaces),"# + part.dropFirst(#""linux":{"#.count) : part
    let spec = try RuntimeSpec(json: Array(#"{"ociVersion":"1.0.0",\#(rare)\#(process)\#(linux)}"#.utf8))
    do {
        _ = try compiler.compile(spec)
        Issue.record("it was taken")
    } catch { #expect("\(error)".contains(word), "\(error)") }
}

@Test func whatSaysOnlyWhatIsSoAnywayIsTaken() throws {
    let spec = try RuntimeSpec(
        json: Array(
            """
            {"ociVersion":"1.2.0","process":{"user":{},"args":["a"],"cwd":"/"},"hooks":{"poststart":[]},
             "linux":{"namespaces":[{"type":"mount"}],"personality":{"domain":"LINUX"},"uidMappings":[],
              "resources":{"hugepageLimits":[{"pageSize":"2MB","limit":0}],"blockIO":{"weight":0},"memory":{"swap":-1,"swappiness":0},
               "devices":[{"allow":false,"access":"rwm"},{"allow":true,"type":"c","major":10,"minor":200,"access":"rwm"}]},
              "devices":[{"type":"c","path":"/dev/null","major":1,"minor":3}]}}
            """.utf8))
    #expect(try compiler.compile(spec).namespaces.process == .guest)
}

@Test func anExecutionTakesAfterTheFirstProcess() throws {
    let bench = try Bench()
    var record = bench.record("one")
    record.process = try #require(try usual().process)
    var execution = Execution(record: record, arguments: ["sh"])
    execution.environment = ["A=2", "B=3"]
    execution.workingDirectory = "/tmp"
    execution.identity = try Accounts().identity(of: "1000:100")
    execution.hasTerminal = true
    let process = execution.process
    #expect(process.args == ["sh"])
    #expect(process.env?.filter { $0.hasPrefix("A=") || $0.hasPrefix("B=") } == ["A=2", "B=3"])
    #expect(process.cwd == "/tmp")
    #expect(process.user.uid == 1000)
    #expect(process.capabilities?.effective == [])
    #expect(process.capabilities?.bounding == record.process.capabilities?.bounding)
    #expect(process.terminal == true)
}
