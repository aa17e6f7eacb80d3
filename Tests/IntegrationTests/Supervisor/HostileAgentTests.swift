import AgentProtocol
import ControlProtocol
import FileShare
import Glibc
import Hypervisor
import LinuxSystem
import Machine
import Runtime
import TestSupport
import SystemPackage
import Testing
import Zones

@testable import Supervisor

/// A machine whose guest does not run, its supervisor, and in the place of the guest's agent the test.
private final class Bench {
    let machine: Machine
    let supervisor: Supervisor
    private let directory = try? TemporaryDirectory()
    private let guest: OwnedDescriptor
    private var asked = FrameDecoder()
    private var requests: [Frame] = []

    init(zones: Int = 2) throws {
        let directory = try #require(directory)
        // Beside the release build, which is on PATH.
        let build = FilePath(try #require(findProgram("czone-vm"))).removingLastComponent().removingLastComponent()
        let kernel = try OwnedDescriptor(opening: build.appending("vmlinux").string, flags: O_RDONLY)
        machine = try Machine(
            MachineConfiguration(
                kernel: kernel, initialRAMDisk: nil, commandLine: "", baseSizeInBytes: 256 << 20, virtualCPUs: 1,
                zoneCount: zones, takesContainers: true), on: try KVM()
        ) { _ in }
        let control = try UnixSocket.listen(at: "\(directory.path)/control")
        let configuration = Supervisor.Configuration(
            control: control, idleTimeoutInMilliseconds: nil, virtualCPUs: 1,
            files: try FileServer(maxDescriptors: 64), fileThreads: WorkerThreads(),
            disk: try machine.lock.locked { [machine] in try DiskWork(on: machine.loop, WorkerThreads()) })
        supervisor = try machine.lock.locked { [machine] in try Supervisor(machine, configuration) }
        guest = try machine.lock.locked { [supervisor] in try #require(supervisor.agent.accept()) }
        try say(Hello(isSetUp: false))
        try say(Done(), to: try request(Setup.self).number)
        #expect(supervisor.lifecycle.state == .ready)
    }

    /// Lets the event thread's work be done.
    func pump() throws { while try machine.loop.runOnce(timeoutInMilliseconds: 0) > 0 {} }

    /// The agent says something.
    func say(_ message: some Message, to request: UInt32 = 0) throws {
        try? guest.send(try Frame.bytes(of: message, request: request))
        try pump()
    }

    /// What the agent was asked next, of this type.
    func request<Content: Request>(_ type: Content.Type) throws -> (number: UInt32, content: Content) {
        try hear()
        let index = try #require(requests.firstIndex { $0.type == Content.type }, "nobody asked for \(type)")
        let frame = requests.remove(at: index)
        return (frame.request, try frame.message())
    }

    /// Whether it was asked something else of this type.
    func wasAsked(_ type: MessageType) throws -> Bool {
        try hear()
        return requests.contains { $0.type == type }
    }

    private func hear() throws {
        try pump()
        while try !wait(for: [(guest, .readable)], timeoutInMilliseconds: 0)[0].isEmpty {
            asked.append(try guest.read(atMost: 1 << 16)[...])
            while let frame = try asked.next() { requests.append(frame) }
        }
    }

    func client() throws -> Client {
        Client(try UnixSocket.connect(to: "\(try #require(directory).path)/control"), self)
    }

    /// A client with a container, whose making waits for the agent.
    func begin(_ id: String, zone: UInt64 = 0) throws -> (client: Client, made: UInt32, number: ContainerNumber) {
        let client = try client()
        let specification = ContainerSpecification(
            root: RootFileSystem(layers: [.image(device: 0)]), process: ProcessSpecification(arguments: ["/bin/true"]))
        try client.send(
            .run(
                RunRequest(
                    id: id, zoneSizeInBytes: zone, descriptors: [], endsWithConnection: true,
                    create: CreateContainer(
                        container: ContainerNumber(0), node: 0, zoneBytes: 0, start: true,
                        specification: specification))))
        let (made, create) = try request(CreateContainer.self)
        guard case .accepted = try client.next() else { throw SystemError("place \(id)", .invalidArgument) }
        return (client, made, create.container)
    }

    /// A client with a container that runs.
    func run(_ id: String) throws -> (client: Client, number: ContainerNumber) {
        let (client, made, number) = try begin(id)
        try say(started, to: made)
        guard case .started = try client.next() else { throw SystemError("start \(id)", .invalidArgument) }
        return (client, number)
    }
}

/// A client of the machine's.
private final class Client {
    private let connection: Runtime.ControlConnection
    private let bench: Bench

    init(_ socket: OwnedDescriptor, _ bench: Bench) {
        connection = Runtime.ControlConnection(socket)
        self.bench = bench
    }

    func send(_ request: ControlRequest) throws {
        try connection.send(request)
        try bench.pump()
    }

    /// The next answer that is there; nil where there is none.
    func next() throws -> ControlReply? {
        try bench.pump()
        while try !wait(for: [(connection.socket, .readable)], timeoutInMilliseconds: 0)[0].isEmpty {
            guard try connection.fill() else { break }
        }
        return try connection.nextReceived()?.content
    }
}

private let started = ProcessStarted(processID: .max, timings: [])

private func exited(_ container: ContainerNumber, process: UInt32 = 0, status: Int32 = 3 << 8) -> Exited {
    Exited(
        container: container, process: ProcessNumber(process), status: ExitStatus(rawValue: status), oomKilled: false,
        time: .max)
}

private let nowhere = ZoneOffline(
    onlineBytes: 0, anonymousPages: .max, filePages: .max, sharedPages: .max, code: .min, pagesMigrated: .max,
    timings: [])

/// What a hostile agent says reaches no container but the one that it is about, and ends the machine at most.
@Suite(.enabled(if: try WorkingKVM.isThere()), .serialized) struct HostileAgentTests {
    @Test func eventsOfWhatIsNotThereArePassedOver() throws {
        let bench = try Bench()
        let (a, number) = try bench.run("a")
        let (b, _) = try bench.run("b")
        for other in [0, number.rawValue + 2, 1 << 31, .max] as [UInt32] {
            try bench.say(exited(ContainerNumber(other)))
            try bench.say(OutOfMemory(container: ContainerNumber(other), kills: .max))
        }
        try bench.say(exited(number, process: 1))
        try bench.say(exited(number, process: .max))
        for node in [0, 1, 2, 65, .max] as [UInt32] { try bench.say(ZoneChanged(node: node, onlineBytes: .max)) }
        #expect(try a.next() == nil && b.next() == nil)
        #expect(bench.supervisor.containers.all.allSatisfy { $0.exit == nil } && !bench.machine.hasEnded)
    }

    @Test func anEndIsReportedOnceAndOfItsContainerAlone() throws {
        let bench = try Bench()
        let (a, number) = try bench.run("a")
        let (b, _) = try bench.run("b")
        for status in [3 << 8, 9, .max, .min] as [Int32] { try bench.say(exited(number, status: status)) }
        guard case .exited(let record)? = try a.next() else {
            Issue.record("no end")
            return
        }
        #expect(record.container == "a" && record.code == 3)
        // Its removal is asked for once, too.
        try bench.say(ContainerDeleted(zone: nowhere, timings: []), to: try bench.request(DeleteContainer.self).number)
        #expect(try !bench.wasAsked(.deleteContainer))
        #expect(try a.next() == nil && b.next() == nil)
        #expect(bench.supervisor.containers.all.map(\.id) == ["b"])
    }

    @Test func aContainerThatEndsBeforeItIsMadeGivesItsZoneBack() throws {
        let bench = try Bench(zones: 1)
        for id in ["first", "second"] {
            let (client, made, number) = try bench.begin(id, zone: 128 << 20)
            try bench.say(exited(number))
            guard case .exited? = try client.next() else {
                Issue.record("no end")
                return
            }
            let deletion = try bench.request(DeleteContainer.self).number
            // The answer about its making comes now, when its zone is on its way out.
            try bench.say(started, to: made)
            #expect(try client.next() == nil, "what has ended does not start")
            try bench.say(ContainerDeleted(zone: nowhere, timings: []), to: deletion)
            #expect(bench.supervisor.containers.isEmpty)
            #expect(bench.supervisor.zones.all[0].life.isFree, "\(bench.supervisor.zones.all[0].life.state)")
        }
    }

    @Test func measuresOfOthersAreNobodys() throws {
        let bench = try Bench()
        let (a, number) = try bench.run("a")
        try a.send(.describe(measured: true))
        let foreign = ContainerMeasure(container: ContainerNumber(number.rawValue + 7))
        var (own, twice) = (ContainerMeasure(container: number), ContainerMeasure(container: number))
        (own.memoryCurrent, twice.memoryCurrent) = (.max, 1)
        try bench.say(
            ContainerMeasures(containers: [foreign, own, twice]), to: try bench.request(MeasureContainers.self).number)
        guard case .description(let description)? = try a.next() else {
            Issue.record("no description")
            return
        }
        #expect(description.containers.map(\.id) == ["a"])
        #expect(description.containers.first?.measure?.memoryCurrent == .max, "who shows it cuts it")
    }

    @Test func aLongFailureEndsNobodysConnection() throws {
        let bench = try Bench()
        let (client, made, _) = try bench.begin("a")
        try bench.say(Failure(code: 2, step: .execute, text: String(repeating: "x", count: 4096)), to: made)
        guard case .refused(let refusal)? = try client.next() else {
            Issue.record("no refusal")
            return
        }
        #expect(refusal.reason == .programNotFound && refusal.text.utf8.count == 4096)
        try client.send(.describe(measured: false))
        guard case .description? = try client.next() else {
            Issue.record("the connection has ended")
            return
        }
    }

    @Test func anAnswerThatNobodyWaitsForEndsTheMachine() throws {
        let bench = try Bench()
        let (a, _) = try bench.run("a")
        try a.send(.pause(container: "a", paused: true))
        try bench.say(Done(), to: 4000)
        guard case .refused(let refusal)? = try a.next() else {
            Issue.record("nobody received it")
            return
        }
        #expect(refusal.reason == .lost && bench.machine.hasEnded)
    }

    // MARK: An agent that says nothing

    @Test func aSilentAgentLosesTheZoneThatItDoesNotEmpty() throws {
        let bench = try Bench(zones: 1)
        let (client, _, number) = try bench.begin("a", zone: 128 << 20)
        try bench.say(exited(number))
        _ = try client.next()
        _ = try bench.request(DeleteContainer.self)
        for _ in 0..<80 {
            bench.supervisor.deadlines.advance(byMilliseconds: 1000)
            // It lives, and answers what is asked for that.
            while try bench.wasAsked(.measureNodes) {
                let probe = try bench.request(MeasureNodes.self).number
                try bench.say(NodeMeasures(nodes: [], pagesMigrated: 0, agentResidentBytes: 0), to: probe)
            }
        }
        #expect(bench.supervisor.containers.isEmpty && !bench.machine.hasEnded)
        #expect(bench.supervisor.zones.all[0].life.state == .quarantined(.timeout))
    }

    @Test func anAgentThatAnswersNothingEndsTheMachine() throws {
        let bench = try Bench()
        let (client, _, _) = try bench.begin("a")
        for _ in 0..<2 { bench.supervisor.deadlines.advance(byMilliseconds: 60_000) }
        #expect(bench.machine.hasEnded)
        bench.supervisor.conclude(.failed("the guest's agent has answered nothing for 120 s"))
        guard case .refused(let refusal)? = try client.next() else {
            Issue.record("no refusal")
            return
        }
        #expect(refusal.reason == .late)
    }
}
