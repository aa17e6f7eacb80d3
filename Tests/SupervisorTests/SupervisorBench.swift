import AgentProtocol
import ControlProtocol
import FileShare
import LinuxSystem
import SystemPackage
import TestSupport
import Testing

@testable import Supervisor

/// A whole supervisor in a machine without a processor. The test is its guest's agent, its guest's drivers and its
/// clients, and turns its event loop.
final class SupervisorBench {
    let machine: FakeMachine
    let supervisor: Supervisor
    /// Those of all benches: threads are never ended.
    private static let threads: WorkerThreads? = {
        let threads = WorkerThreads()
        return (try? threads.start(2, named: "disk")) == nil ? nil : threads
    }()
    /// For a bench whose disk is stalled until they are started.
    let diskThreads: WorkerThreads
    private let directory: TemporaryDirectory
    private let agent: OwnedDescriptor
    private var decoder = FrameDecoder()
    private var requests: [Frame] = []

    /// - Parameter configure: changes what the VM is started with.
    init(
        zones: Int = 2, isAlone: Bool = false, greets: Bool = true, isSetUp: Bool = true, diskIsStalled: Bool = false,
        filledPlaces: [Int] = [], configure: (inout Supervisor.Configuration) -> Void = { _ in }
    ) throws {
        directory = try TemporaryDirectory()
        machine = try FakeMachine(zones: zones)
        machine.filledPlaces = filledPlaces
        let threads = try #require(Self.threads)
        diskThreads = diskIsStalled ? WorkerThreads() : threads
        var configuration = Supervisor.Configuration(
            control: try UnixSocket.listen(at: "\(directory.path)/control"), idleTimeoutInMilliseconds: nil,
            isAlone: isAlone, virtualCPUs: 1, files: try FileServer(maxDescriptors: 64), fileThreads: threads,
            disk: try DiskWork(on: machine.loop, diskThreads))
        configure(&configuration)
        supervisor = try Supervisor(supervising: machine, configuration)
        agent = try #require(supervisor.agent.accept())
        guard greets else { return }
        try say(Hello(isSetUp: false))
        guard isSetUp else { return }
        try say(Done(), to: try request(Setup.self).number)
        if configuration.purpose == .containers { #expect(supervisor.lifecycle.state == .ready) }
    }

    /// Lets the event thread's work be done.
    func pump() throws { while try machine.loop.runOnce(timeoutInMilliseconds: 0) > 0 {} }

    /// Lets the event thread work until something is so, at most ten seconds; whether it came to be.
    func waits(until isSo: () throws -> Bool) throws -> Bool {
        let end = MonotonicClock.nanoseconds + 10_000_000_000
        while try !isSo() {
            guard MonotonicClock.nanoseconds < end else { return false }
            try machine.loop.runOnce(timeoutInMilliseconds: 10)
        }
        return true
    }

    // MARK: The agent

    func say(_ message: some Message, to request: UInt32 = 0) throws {
        try? agent.send(try Frame.bytes(of: message, request: request))
        try pump()
    }

    /// The agent sends what may be no message.
    func say(bytes: [UInt8]) throws {
        try agent.send(bytes)
        try pump()
    }

    /// What the agent was asked next, of this type.
    func request<Content: Request>(_ type: Content.Type) throws -> (number: UInt32, content: Content) {
        try receive()
        let index = try #require(requests.firstIndex { $0.type == Content.type }, "nothing asked for \(type)")
        let frame = requests.remove(at: index)
        return (frame.request, try frame.message())
    }

    /// Lets so many seconds pass, in which the agent answers nothing but what shows that it lives.
    func answerProbes(during seconds: Int) throws {
        for _ in 0..<seconds {
            supervisor.deadlines.advance(byMilliseconds: 1000)
            while try wasAsked(.measureNodes) {
                let number = try request(MeasureNodes.self).number
                try say(NodeMeasures(nodes: [], pagesMigrated: 0, agentResidentBytes: 0), to: number)
            }
        }
    }

    /// Whether it was asked something else of this type.
    func wasAsked(_ type: MessageType) throws -> Bool {
        try receive()
        return requests.contains { $0.type == type }
    }

    private func receive() throws {
        try pump()
        while try !wait(for: [(agent, .readable)], timeoutInMilliseconds: 0)[0].isEmpty {
            let bytes = try agent.read(atMost: 1 << 16)
            guard !bytes.isEmpty else { return }
            decoder.append(bytes[...])
            while let frame = try decoder.next() { requests.append(frame) }
        }
    }

    // MARK: Clients

    func client() throws -> BenchClient {
        BenchClient(try UnixSocket.connect(to: "\(directory.path)/control"), self)
    }

    func path(_ name: String) -> String { "\(directory.path)/\(name)" }

    /// Runs a container up to its program's first instruction, in a zone of so many bytes.
    func run(
        _ id: String, zone: UInt64 = 0, endsWithConnection: Bool = true
    ) throws -> (client: BenchClient, number: ContainerNumber) {
        let client = try client()
        try client.send(.run(.bench(id, zone: zone, endsWithConnection: endsWithConnection)))
        guard case .accepted? = try client.next() else { throw SystemError("place \(id)", .invalidArgument) }
        let (made, create) = try request(CreateContainer.self)
        if create.node != 0 { supervisor.zones.all[Int(create.node) - 1].recordPlugged(zone) }
        try say(.bench, to: made)
        guard case .started? = try client.next() else { throw SystemError("start \(id)", .invalidArgument) }
        return (client, create.container)
    }
}

/// A client of a bench's supervisor.
final class BenchClient {
    let socket: OwnedDescriptor
    private var decoder = ControlFrameDecoder<ControlReply>()
    private let bench: SupervisorBench
    private var number: UInt32 = 0

    init(_ socket: OwnedDescriptor, _ bench: SupervisorBench) {
        self.socket = socket
        self.bench = bench
    }

    func send(_ request: ControlRequest, descriptors: [OwnedDescriptor] = []) throws {
        number += 1
        try socket.send(try ControlFrame(request: number, content: request).bytes(), descriptors: descriptors)
        try bench.pump()
    }

    /// The next answer that is there; nil where there is none.
    func next() throws -> ControlReply? {
        try bench.pump()
        while try !wait(for: [(socket, .readable)], timeoutInMilliseconds: 0)[0].isEmpty {
            let bytes = try socket.read(atMost: 1 << 16)
            guard !bytes.isEmpty else { break }
            decoder.append(bytes)
        }
        return try decoder.next()?.content
    }

    /// The next answer, which is to be a refusal.
    func refusal() throws -> Refusal {
        guard case .refused(let refusal)? = try next() else { throw SystemError("be refused", .invalidArgument) }
        return refusal
    }

    /// The next answer, which is to be an end.
    func exit() throws -> ExitRecord {
        guard case .exited(let record)? = try next() else { throw SystemError("receive an end", .invalidArgument) }
        return record
    }

    func close() throws {
        socket.endConnection()
        try bench.pump()
    }
}

extension RunRequest {
    static func bench(
        _ id: String, zone: UInt64 = 0, descriptors: PassedDescriptors = [], endsWithConnection: Bool = true
    ) -> RunRequest {
        RunRequest(
            id: id, zoneSizeInBytes: zone, descriptors: descriptors, endsWithConnection: endsWithConnection,
            create: CreateContainer(
                container: ContainerNumber(0), node: 0, zoneBytes: 0, start: true,
                specification: ContainerSpecification(
                    root: RootFileSystem(layers: [.image(device: 0)]),
                    process: ProcessSpecification(arguments: ["/bin/true"]))))
    }
}

extension ExecuteRequest {
    static func bench(_ container: String, endsWithConnection: Bool = true) -> ExecuteRequest {
        ExecuteRequest(
            container: container, descriptors: [], endsWithConnection: endsWithConnection,
            execute: Execute(
                container: ContainerNumber(0), process: ProcessNumber(0),
                specification: ProcessSpecification(arguments: ["/bin/sh"])))
    }
}

extension Message where Self == ProcessStarted {
    static var bench: ProcessStarted { ProcessStarted(processID: 7, timings: []) }
}

extension Exited {
    static func bench(_ container: ContainerNumber, process: UInt32 = 0, status: Int32 = 3 << 8) -> Exited {
        Exited(
            container: container, process: ProcessNumber(process), status: ExitStatus(rawValue: status),
            oomKilled: false, time: 0)
    }
}

extension ZoneOffline {
    /// All of it is offline.
    static var bench: ZoneOffline {
        ZoneOffline(
            onlineBytes: 0, anonymousPages: 0, filePages: 0, sharedPages: 0, code: 0, pagesMigrated: 0, timings: [])
    }
}
