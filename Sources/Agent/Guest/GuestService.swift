import Geometry

/// The agent's service to the host: each message that comes is given to the part that does it, which answers its
/// caller. One thread; nothing here waits but the loop.
final class GuestService {
    let loop: PollLoop
    private let host: HostConnection
    private let guest: GuestSetup
    private let images: GuestImages
    private let zones: ZoneService
    private let elasticZones: ElasticZones
    private let containers: ContainerLifecycle
    private let measures: MeasureService
    private let relays: RelayService

    /// - Parameter socket: an existing control connection, for tests.
    init(transport: StreamTransport, socket: Descriptor?) throws(Failure) {
        let loop = try PollLoop()
        let host = HostConnection(loop: loop)
        let zones = try GuestZones(loop: loop)
        let workers = Workers(loop: loop)
        let networks = NetworkNamespacePool(loop: loop)
        let table = GuestContainers(loop: loop, host: host, zones: zones)
        let templates = TemplateService(loop: loop, host: host)
        table.removed = { number in templates.forget(number) }
        self.loop = loop
        self.host = host
        let images = GuestImages(loop: loop, workers: workers)
        self.images = images
        guest = GuestSetup(
            loop: loop, host: host, zones: zones, networks: networks, workers: workers, images: images,
            isGuest: socket == nil)
        self.zones = ZoneService(loop: loop, zones: zones, containers: table, workers: workers)
        let elasticZones = ElasticZones(
            loop: loop, host: host, zones: self.zones, containers: table, workers: workers)
        self.elasticZones = elasticZones
        containers = try ContainerLifecycle(
            loop: loop, table: table, zones: self.zones, networks: networks,
            launcher: try Launcher(loop: loop, transport: transport), mounts: guest, templates: templates,
            elasticZones: elasticZones)
        measures = MeasureService(containers: table, zones: zones, images: images, workers: workers)
        relays = try RelayService(loop: loop, containers: table, transport: transport)
        zones.wentOnline = { zone in
            host.send(event: ZoneChanged(node: zone.description.node, onlineBytes: zone.onlineBytes))
            elasticZones.noticeGrowth(of: zone)
        }
        host.open(
            given: socket, greet: { [self] in greet() }, receive: { [self] frame, caller in receive(frame, caller) })
    }

    private func greet() {
        host.send(event: Hello(isSetUp: guest.isSetUp))
    }

    private func receive(_ frame: Frame, _ caller: Caller) {
        do throws(Failure) {
            try serve(frame, caller)
        } catch {
            caller.reply(error)
        }
    }

    private func serve(_ frame: Frame, _ caller: Caller) throws(Failure) {
        switch frame.type {
        case .setup: try guest.setUp(try message(frame), caller)
        case .renew: try guest.renew(try message(frame), caller)
        case .settle: try guest.settle(try message(frame), caller)
        case .readClock:
            let _: ReadClock = try message(frame)
            caller.reply(ClockReading(wallClock: Kernel.wallClock))
        case .adjustClock: try guest.adjustClock(try message(frame), caller)
        case .powerOff: guest.powerOff(try message(frame), caller) { [containers] in containers.killAll() }
        case .bringImage: try images.bring(try message(frame), caller)
        case .releaseImage: try images.release(try message(frame), caller)
        case .onlineZone: try zones.online(try message(frame), caller)
        case .offlineZone: try zones.offline(try message(frame), caller)
        case .growthEnded: try elasticZones.endGrowth(try message(frame), caller)
        case .createContainer: try containers.create(try message(frame), caller)
        case .startContainer: try containers.start(try message(frame), caller)
        case .deleteContainer: try containers.delete(try message(frame), caller)
        case .pauseContainer: try containers.pause(try message(frame), caller)
        case .resumeContainer: try containers.resume(try message(frame), caller)
        case .updateResources: try containers.update(try message(frame), caller)
        case .execute: try containers.execute(try message(frame), caller)
        case .signal: try containers.signal(try message(frame), caller)
        case .resizeTerminal: try containers.resize(try message(frame), caller)
        case .listProcesses: try measures.listProcesses(try message(frame), caller)
        case .measureContainers: measures.measureAll(try message(frame), caller)
        case .measureNodes: measures.measureMemory(try message(frame), caller)
        case .measurePlacement: try measures.measurePlacement(try message(frame), caller)
        case .reclaim: try measures.reclaim(try message(frame), caller)
        case .relayConnection: try relays.relay(try message(frame), caller)
        case .hello, .exited, .outOfMemory, .zoneChanged, .templateReached, .memoryWanted, .memoryReturned, .done,
            .failure, .processStarted,
            .containerDeleted,
            .zoneOffline, .containerMeasures, .processList, .pagePlacement, .nodeMeasures, .reclaimed, .clockReading:
            let text = "serve a message of type \(frame.type.rawValue), which only the agent sends"
            throw Failure(code: ErrorNumber.notSupported, step: .request, text: text)
        }
    }

    private func message<Content: Message>(_ frame: Frame) throws(Failure) -> Content {
        do throws(ProtocolError) {
            return try frame.message()
        } catch {
            throw GuestService.refusal(error)
        }
    }

    /// Not generic: it is there once for all types of messages.
    @inline(never)
    private static func refusal(_ error: ProtocolError) -> Failure {
        Failure(code: ErrorNumber.invalid, step: .request, text: "read the request: \(error.description)")
    }
}
