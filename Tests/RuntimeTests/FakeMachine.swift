import AgentProtocol
import ControlProtocol
import Glibc
import LinuxSystem
import Runtime
import Synchronization
import SystemPackage

/// A VM without a guest: answers the control socket as `czone-vm` does. It lives until `die()`.
final class FakeMachine: Sendable {
    /// What a container does: gets its streams by what they are, returns its end; nil goes on for ever.
    typealias Program = @Sendable (RunRequest, [OwnedDescriptor]) -> ExitRecord?

    struct State {
        var containers: [String: [OwnedDescriptor]] = [:]
        var connections: [OwnedDescriptor] = []
        var descriptors: [OwnedDescriptor]
        var requests: [RunRequest] = []
        var signals: [UInt32] = []
    }

    let launch: VirtualMachineLaunch
    let state: Mutex<State>
    private let zones: Int
    private let program: Program

    init(_ launch: VirtualMachineLaunch, zones: Int, program: @escaping Program) throws {
        self.zones = zones
        self.program = program
        // As a process would, it has the open files too; the launch's own descriptors are given up.
        let control = try launch.control.duplicate()
        state = Mutex(State(descriptors: [try launch.lock.duplicate(), control]))
        var launch = launch
        try launch.identity.write(all: Array("\(getpid())\n".utf8))
        launch.control = try OwnedDescriptor(opening: "/dev/null", flags: O_RDWR)
        launch.lock = launch.control
        launch.log = launch.control
        launch.console = launch.control
        self.launch = launch
        _ = try Thread(named: "fake-vm") { [self] in accept(control.rawValue) }
    }

    private func accept(_ listening: CInt) {
        while true {
            let raw = Glibc.accept(listening, nil, nil)
            guard raw >= 0 else { return }
            let socket = OwnedDescriptor(taking: raw)
            let isDead = state.withLock { state in
                if !state.descriptors.isEmpty { state.connections.append(socket) }
                return state.descriptors.isEmpty
            }
            if isDead { return }
            _ = try? Thread(named: "fake-client") { [self] in serve(socket) }
        }
    }

    /// As if it had been killed.
    func die() {
        let descriptors = state.withLock { state in
            // Threads may still have the files open that were passed; their locks must go now.
            for file in state.descriptors + state.containers.values.joined() { _ = flock(file.rawValue, LOCK_UN) }
            let all = state.descriptors + state.connections
            (state.descriptors, state.connections, state.containers) = ([], [], [:])
            return all
        }
        for descriptor in descriptors { descriptor.endConnection() }
    }

    private func serve(_ socket: OwnedDescriptor) {
        var decoder = ControlFrameDecoder<ControlRequest>()
        var passed: [OwnedDescriptor] = []
        while let (bytes, descriptors) = try? socket.receive(atMost: 65536, descriptors: 8), !bytes.isEmpty {
            decoder.append(bytes)
            passed += descriptors
            while let frame = try? decoder.next() {
                handle(frame, &passed) { reply in
                    let bytes = try? ControlFrame(request: frame.request, content: reply).bytes()
                    try? socket.send(bytes ?? [])
                }
            }
        }
    }

    private func handle(
        _ frame: ControlFrame<ControlRequest>, _ passed: inout [OwnedDescriptor], _ reply: (ControlReply) -> Void
    ) {
        switch frame.content {
        case .run(let request):
            let descriptors = Array(passed.prefix(request.descriptors.count))
            passed.removeFirst(descriptors.count)
            run(request, descriptors, reply)
        case .signal(_, _, let signal, _):
            state.withLock { $0.signals.append(signal) }
            reply(.done)
        case .remove(let id):
            let isThere = state.withLock { $0.containers.removeValue(forKey: id) != nil }
            reply(isThere ? .done : .refused(Refusal(.notFound, "no container \(id)")))
        case .describe: reply(.description(description))
        case .metrics: reply(.metrics(metrics))
        case .stop:
            reply(.done)
            die()
        default: reply(.refused(Refusal(.invalid, "not in this test")))
        }
    }

    private func run(_ request: RunRequest, _ descriptors: [OwnedDescriptor], _ reply: (ControlReply) -> Void) {
        let zone = state.withLock { state -> UInt32? in
            guard state.containers.count < zones else { return nil }
            state.containers[request.id] = descriptors
            state.requests.append(request)
            return UInt32(state.containers.count)
        }
        guard let zone else { return reply(.refused(Refusal(.full, "no zone is free"))) }
        reply(.accepted(container: request.id, zone: zone))
        reply(
            .started(
                Started(container: request.id, process: 0, guestProcessID: 7, plugMicroseconds: 1, totalMicroseconds: 2)
            ))
        guard let end = program(request, descriptors) else { return }
        var encoder = MessageEncoder()
        end.encode(into: &encoder)
        if request.descriptors.contains(.exitRecord) { try? descriptors.last?.write(all: encoder.bytes) }
        state.withLock { $0.containers[request.id] = nil }
        for stream in descriptors.dropLast() { stream.endConnection() }
        reply(.exited(end))
    }

    /// With every event counted, and every stage.
    private var metrics: VirtualMachineMetrics {
        let events = (UInt8.min...UInt8.max).flatMap { number in
            (UInt8.min...UInt8.max).compactMap { CountedEvent(number: number, detail: $0) }
        }
        var description = description
        description.zones = (1...16).map { node in
            ZoneReport(
                node: node, base: UInt64(node) << 32, sizeInBytes: 128 << 20, state: .online, pluggedBytes: 128 << 20,
                residentBytes: 10 << 20, reason: "")
        }
        return VirtualMachineMetrics(
            description: description, isRestored: true,
            counts: Set(events).map { VirtualMachineMetrics.Count($0, 12_345) },
            stages: StartStage.allCases.map {
                VirtualMachineMetrics.StageDurations(
                    stage: $0, counts: Array(repeating: 12, count: StartStage.bounds.count + 1), sum: 12_345)
            },
            containers: description.containers.enumerated().map { index, container in
                VirtualMachineMetrics.ContainerCounts(id: container.id, number: UInt32(index + 1))
            })
    }

    private var description: VirtualMachineDescription {
        VirtualMachineDescription(
            state: .ready, virtualCPUs: 2, baseSizeInBytes: 256 << 20, baseResidentBytes: 50 << 20,
            privateResidentBytes: 3 << 20, bootMicroseconds: 40_000,
            zones: [
                ZoneReport(
                    node: 1, base: 4 << 30, sizeInBytes: 128 << 20, state: .online, pluggedBytes: 128 << 20,
                    residentBytes: 10 << 20, reason: "")
            ],
            containers: state.withLock(\.containers).keys.sorted().map { id in
                var measure = ContainerMeasure(container: ContainerNumber(1))
                (measure.cpuUsage, measure.processes, measure.zoneUsed) = (5_000, 3, 9 << 20)
                return ContainerReport(id: id, state: .running, node: 1, guestProcessID: 7, measure: measure)
            })
    }
}

/// Starts fake VMs and remembers them.
final class FakeStarter: VirtualMachineStarter {
    private let started = Mutex<[FakeMachine]>([])
    let zones: Int
    let program: FakeMachine.Program

    init(zones: Int = 16, program: @escaping FakeMachine.Program = { _, _ in nil }) {
        self.zones = zones
        self.program = program
    }

    var machines: [FakeMachine] { started.withLock { $0 } }

    func start(_ launch: VirtualMachineLaunch) throws(RuntimeError) {
        do {
            let machine = try FakeMachine(launch, zones: zones, program: program)
            started.withLock { $0.append(machine) }
        } catch { throw .invalid("\(error)") }
    }
}
