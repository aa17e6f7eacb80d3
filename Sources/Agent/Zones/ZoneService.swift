import Geometry

/// Brings zones online and takes them offline, for requests of the host and for containers.
final class ZoneService {
    private let loop: PollLoop
    private let zones: GuestZones
    private let containers: GuestContainers
    private let workers: Workers

    init(loop: PollLoop, zones: GuestZones, containers: GuestContainers, workers: Workers) {
        self.loop = loop
        self.zones = zones
        self.containers = containers
        self.workers = workers
    }

    subscript(node: UInt32) -> GuestZone? { zones[node] }

    func find(_ node: UInt32) throws(Failure) -> GuestZone {
        guard let zone = zones[node] else {
            throw Failure(code: ErrorNumber.noEntry, step: .request, text: "find the zone of node \(node)")
        }
        return zone
    }

    // MARK: requests

    func online(_ request: OnlineZone, _ caller: Caller) throws(Failure) {
        let zone = try find(request.node)
        var timer = StepTimer()
        let waiter = ZoneWaiter(bytes: request.sizeInBytes, timeout: request.timeout) { [self] failure in
            if let failure { return caller.reply(failure) }
            timer.lap(.zoneOnline)
            if let number = zone.container {
                containers.find(number)?.group.zoneIs(max(request.sizeInBytes, zone.contiguousBytes))
            }
            caller.reply(Done(timings: timer.timings))
        }
        add(waiter, to: zone)
    }

    func offline(_ request: OfflineZone, _ caller: Caller) throws(Failure) {
        let zone = try find(request.node)
        if let container = zone.container {
            let text = "take node \(request.node) offline: \(container.description) is in it"
            throw Failure(code: ErrorNumber.busy, step: .zoneOffline, text: text)
        }
        try empty(zone, group: nil, timeout: request.timeout) { result in
            switch result {
            case .success(let outcome): caller.reply(outcome)
            case .failure(let failure): caller.reply(failure)
            }
        }
    }

    // MARK: for containers

    /// Takes what the kernel has to say of the zones.
    func takeEvents() { zones.takeEvents() }

    /// Calls the waiter, maybe at once, when the zone has as much online as it wants, or when its time is up.
    func add(_ waiter: ZoneWaiter, to zone: GuestZone) {
        zones.takeEvents()
        zone.add(waiter, loop: loop)
    }

    /// Looks whether a zone is empty and takes it offline. The group is the container's that was in it.
    func empty(
        _ zone: GuestZone, group: ControlGroup?, timeout: UInt32,
        _ done: @escaping (Result<ZoneOffline, Failure>) -> Void
    ) throws(Failure) {
        zones.takeEvents()
        let clearance = ZoneClearance(zone: zone, group: group)
        if let outcome = clearance.runAtOnce() { return done(.success(outcome)) }
        zones.takeEvents()
        // The worker's own alarm comes first, so that it can report how far it came.
        try workers.run(timeout: timeout + 1000, group: group, { clearance.run(timeout: timeout) }) { bytes in
            var decoder = MessageDecoder(bytes)
            guard let outcome = try? ZoneOffline(decoding: &decoder) else {
                let text = "take node \(zone.description.node) offline: the worker was killed"
                return done(.failure(Failure(code: ErrorNumber.timedOut, step: .zoneOffline, text: text)))
            }
            done(.success(outcome))
        }
    }
}
