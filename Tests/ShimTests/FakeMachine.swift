import AgentProtocol
import ControlProtocol
import Glibc
import LinuxSystem
import OCI
import Runtime
import Synchronization

/// A VM without a guest: answers its control socket as `czone-vm` does, or as a test wants it. It lives until `die()`.
final class FakeMachine: Sendable {
    /// Answers a request in the place of `FakeMachine.answer`; false: it is to be answered as usual.
    typealias Script = @Sendable (ControlRequest, FakeClient) -> Bool

    private struct State {
        var descriptors: [OwnedDescriptor]
        var clients: [FakeClient] = []
        /// By container: who has made it, and the request by which.
        var makers: [String: FakeClient] = [:]
        var script: Script = { _, _ in false }
        var nextProcess: UInt32 = 1
    }

    private let state: Mutex<State>
    private let identity: OwnedDescriptor
    private let accepts = Atomic(true)

    init(_ launch: VirtualMachineLaunch) throws {
        // As a process would, it has the open files too.
        let control = try launch.control.duplicate()
        state = Mutex(State(descriptors: [try launch.lock.duplicate(), control]))
        identity = launch.identity
        try launch.identity.write(all: Array("\(try Self.standIn.get().id)\n".utf8))
        _ = try Thread(named: "fake-vm") { [self] in accept(control.rawValue) }
    }

    /// What stands for the processes of all fakes: the shim kills VMs that do not answer.
    private static let standIn = Result { try sleepingProcess() }

    /// A child that ends by itself.
    static func sleepingProcess() throws -> ChildProcess {
        let nowhere = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        return try ProcessLaunch(
            "/bin/sleep", arguments: ["sleep", "200"], environment: [], input: nowhere, output: nowhere, error: nowhere
        ).start()
    }

    func follow(_ script: @escaping Script) { state.withLock { $0.script = script } }

    /// Who has made a container.
    func maker(of id: String) -> FakeClient? { state.withLock { $0.makers[id] } }

    /// Writes what is no process's id where the VM's is.
    func claimProcessID(_ text: String) throws {
        try identity.truncate()
        try identity.write(all: Array("\(text)\n".utf8))
    }

    /// Takes no more connections, and has as many waiting as its socket holds; they are what is returned.
    func fillBacklog(at path: String) -> [OwnedDescriptor] {
        accepts.store(false, ordering: .releasing)
        var waiting: [OwnedDescriptor] = []
        while let socket = try? UnixSocket.connect(to: path, sendingWithinMilliseconds: 100) { waiting.append(socket) }
        return waiting
    }

    /// As if it had been killed.
    func die() {
        let (descriptors, clients) = state.withLock { state in
            for file in state.descriptors { _ = flock(file.rawValue, LOCK_UN) }
            defer { (state.descriptors, state.clients, state.makers) = ([], [], [:]) }
            return (state.descriptors, state.clients)
        }
        for descriptor in descriptors { descriptor.endConnection() }
        for client in clients { client.end() }
    }

    private func accept(_ listening: CInt) {
        while true {
            let raw = Glibc.accept(listening, nil, nil)
            guard raw >= 0, accepts.load(ordering: .acquiring) else { return }
            let client = FakeClient(OwnedDescriptor(taking: raw), request: 0)
            state.withLock { $0.clients.append(client) }
            _ = try? Thread(named: "fake-client") { [self] in serve(client) }
        }
    }

    private func serve(_ client: FakeClient) {
        var decoder = ControlFrameDecoder<ControlRequest>()
        while let (bytes, _) = try? client.socket.receive(atMost: 65536, descriptors: 8), !bytes.isEmpty {
            decoder.append(bytes)
            while let frame = try? decoder.next() {
                let asked = FakeClient(client.socket, request: frame.request)
                if !state.withLock(\.script)(frame.content, asked) { answer(frame.content, asked) }
            }
        }
        client.hasEnded.store(true, ordering: .releasing)
    }

    /// As `czone-vm` answers.
    func answer(_ request: ControlRequest, _ client: FakeClient) {
        switch request {
        case .create(let create):
            state.withLock { $0.makers[create.run.id] = client }
            client.reply(.accepted(container: create.run.id, zone: create.run.zoneSizeInBytes > 0 ? 1 : 0))
            client.reply(.done)
        case .start(let id): client.reply(.started(Self.started(id, 0)))
        case .execute(let execute):
            let number = state.withLock { state in
                defer { state.nextProcess += 1 }
                return state.nextProcess
            }
            client.reply(.started(Self.started(execute.container, number)))
        case .processes: client.reply(.processes([1, 2]))
        case .bringImage: client.reply(.image(number: 1))
        case .describe:
            let ids = state.withLock { $0.makers.keys.sorted() }
            let measure = ContainerMeasure(container: ContainerNumber(1))
            client.reply(.description(Self.description(ids.map { ($0, measure) })))
        default: client.reply(.done)
        }
    }

    static func started(_ id: String, _ process: UInt32) -> Started {
        Started(container: id, process: process, guestProcessID: 7, plugMicroseconds: 1, totalMicroseconds: 2)
    }

    static func description(_ measures: [(id: String, measure: ContainerMeasure)]) -> VirtualMachineDescription {
        VirtualMachineDescription(
            state: .ready, virtualCPUs: 2, baseSizeInBytes: 256 << 20, baseResidentBytes: 50 << 20,
            privateResidentBytes: 3 << 20, bootMicroseconds: 40_000, zones: [],
            containers: measures.map {
                ContainerReport(id: $0.id, state: .running, node: 1, guestProcessID: 7, measure: $0.measure)
            })
    }
}

/// A request's connection, as the VM has it.
final class FakeClient: Sendable {
    let socket: OwnedDescriptor
    let request: UInt32
    /// The other end has gone.
    let hasEnded = Atomic(false)

    init(_ socket: OwnedDescriptor, request: UInt32) {
        self.socket = socket
        self.request = request
    }

    func reply(_ reply: ControlReply) { send(Self.bytes(reply, to: request)) }
    func reply(_ reply: ControlReply, to request: UInt32) { send(Self.bytes(reply, to: request)) }
    func send(_ bytes: [UInt8]) { try? socket.send(bytes) }
    func end() { socket.endConnection() }

    static func bytes(_ reply: ControlReply, to request: UInt32) -> [UInt8] {
        (try? ControlFrame(request: request, content: reply).bytes()) ?? []
    }
}

/// Starts fake VMs and remembers them.
final class FakeStarter: VirtualMachineStarter {
    private let started = Mutex<[FakeMachine]>([])
    private let onStart = Mutex<@Sendable (FakeMachine) throws -> Void>({ _ in })

    var machines: [FakeMachine] { started.withLock { $0 } }

    /// What is done to each VM before anybody connects.
    func whenStarted(_ body: @escaping @Sendable (FakeMachine) throws -> Void) { onStart.withLock { $0 = body } }

    func start(_ launch: VirtualMachineLaunch) throws(RuntimeError) {
        do {
            let machine = try FakeMachine(launch)
            try onStart.withLock { $0 }(machine)
            started.withLock { $0.append(machine) }
        } catch { throw .invalid("\(error)") }
    }
}

/// Prewarms nothing.
struct NoProvider: Provider {
    func provide(_ order: Placement.MachineOrder, behind machine: VirtualMachineDirectory) {}
}
