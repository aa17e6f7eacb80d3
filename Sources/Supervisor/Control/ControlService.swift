import AgentProtocol
import ControlProtocol
import LinuxSystem

/// The VM's control socket: takes clients' connections and has each request done by the room whose it is. Protected by
/// the device lock.
final class ControlService {
    /// What does the requests.
    struct Rooms {
        let creation: ContainerCreation
        let removal: ContainerRemoval
        let operations: ContainerOperations
        let execution: ProcessExecution
        let relays: ContainerRelays
        let growth: ZoneGrowth
        let zones: ZoneSet
        let volumes: AttachedVolumes
        let images: FurtherImages
        let reporter: VirtualMachineReporter
        let lifecycle: VirtualMachineLifecycle
        let templates: ProcessTemplates
        let journal: EventJournal
    }

    private let rooms: Rooms
    private let loop: EventLoop
    private var sessions: [ControlSession] = []

    init(_ rooms: Rooms, on loop: EventLoop) {
        self.rooms = rooms
        self.loop = loop
    }

    /// Takes the connections of a listening socket.
    func listen(on socket: OwnedDescriptor) throws(SystemError) {
        try socket.setNonBlocking()
        try loop.add(socket, for: .readable) { [unowned self] _ in
            while let connection = socket.accept() { take(connection) }
        }
    }

    func closeAll() {
        for session in sessions { session.close() }
    }

    private func take(_ connection: OwnedDescriptor) {
        let session = try? ControlSession(connection, on: loop) { [unowned self] session, request, content in
            handle(content, ControlCaller(session: session, request: request))
        } onMalformed: { [journal = rooms.journal] error in
            journal.note(.malformedRequest, "a client sent what is no request: \(error)")
        } onClose: { [unowned self] session in
            lose(session)
        }
        if let session { sessions.append(session) }
    }

    private func lose(_ session: ControlSession) {
        sessions.removeAll { $0 === session }
        rooms.volumes.dropAll(of: session)
        rooms.removal.endContainers(of: session)
        rooms.execution.endProcesses(of: session)
    }

    private func handle(_ request: ControlRequest, _ caller: ControlCaller) {
        do throws(Refusal) { try dispatch(request, caller) } catch { refuse(error, caller) }
    }

    private func refuse(_ refusal: Refusal, _ caller: ControlCaller) {
        rooms.journal.note(.refusal(refusal.reason), "refused a request: \(refusal.text)")
        caller.reply(.refused(refusal))
    }

    /// Exhaustive: a request that the protocol gets has its room here or does not compile.
    private func dispatch(_ request: ControlRequest, _ caller: ControlCaller) throws(Refusal) {
        let operations = rooms.operations
        switch request {
        case .describe(let measured): rooms.reporter.describe(measured: measured, caller)
        case .run(let request): try rooms.creation.create(request, startsAtOnce: true, caller)
        case .create(let request):
            try rooms.creation.create(request.run, in: request.sandbox, startsAtOnce: false, caller)
        case .start(let id): try rooms.creation.start(id, caller)
        case .execute(let request): try rooms.execution.execute(request, caller)
        case .signal(let id, let process, let signal, let all):
            try operations.signal(id, process: process, signal, all: all, caller)
        case .resizeTerminal(let id, let process, let rows, let columns):
            try operations.resizeTerminal(id, process: process, to: WindowSize(rows: rows, columns: columns), caller)
        case .pause(let id, true): try operations.pause(id, caller)
        case .pause(let id, false): try operations.resume(id, caller)
        case .update(let id, let limits): try operations.update(id, to: limits, caller)
        case .processes(let id): try operations.listProcesses(of: id, caller)
        case .remove(let id): try rooms.removal.remove(id, caller)
        case .placement(let id): try operations.measurePlacement(of: id, caller)
        case .nodes: rooms.reporter.measureNodes(caller)
        case .zoneTimes: caller.reply(.zoneTimes(rooms.zones.times))
        case .metrics: rooms.reporter.reportMetrics(caller)
        case .resizeZone(let id, let sizeInBytes): try rooms.growth.grow(zoneOf: id, to: sizeInBytes, caller)
        case .relay(let request): try rooms.relays.relay(request, caller)
        case .attach(let request): try rooms.volumes.attach(request, caller)
        case .serveFiles: try rooms.volumes.serve(caller)
        case .processTemplates: caller.reply(.processTemplates(rooms.templates.reports))
        case .removeProcessTemplate(let number): try rooms.templates.remove(number, caller)
        case .bringImage(let digest): try rooms.images.bring(digest, caller)
        case .stop:
            caller.reply(.done)
            rooms.lifecycle.powerOff()
        }
    }
}
