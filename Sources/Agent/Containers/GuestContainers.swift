import Geometry

/// The containers of the guest, by number.
final class GuestContainers {
    private let loop: PollLoop
    private let host: HostConnection
    private let zones: GuestZones
    private(set) var all: [GuestContainer] = []
    /// Called when a container is no more.
    var removed: (ContainerNumber) -> Void = { _ in }

    init(loop: PollLoop, host: HostConnection, zones: GuestZones) {
        self.loop = loop
        self.host = host
        self.zones = zones
    }

    func find(_ number: ContainerNumber) -> GuestContainer? { all.first { $0.number == number } }

    func get(_ number: ContainerNumber) throws(Failure) -> GuestContainer {
        guard let container = find(number) else {
            throw Failure(code: ErrorNumber.noEntry, step: .request, text: "find \(number.description)")
        }
        return container
    }

    /// The first process of a container.
    func initialProcess(of number: ContainerNumber) throws(Failure) -> ContainerProcess {
        try get(number).process(.initial)
    }

    /// The container and the process of this id.
    func process(id: Int32) -> (GuestContainer, ContainerProcess)? {
        for container in all {
            if let process = container.processes.first(where: { $0.id == id }) { return (container, process) }
        }
        return nil
    }

    /// Whether another container may come, with this number and into this zone.
    func checkRoom(for number: ContainerNumber, in zone: GuestZone?) throws(Failure) {
        guard find(number) == nil else {
            throw Failure(code: ErrorNumber.exists, step: .request, text: "make \(number.description): it exists")
        }
        guard all.count < Limits.containers else {
            let text = "make \(number.description): there are \(all.count) already"
            throw Failure(code: ErrorNumber.again, step: .request, text: text)
        }
        if let zone, let other = zone.container {
            let text = "use the zone of node \(zone.description.node): \(other.description) is in it"
            throw Failure(code: ErrorNumber.busy, step: .request, text: text)
        }
    }

    func add(_ container: GuestContainer, to zone: GuestZone?) {
        all.append(container)
        zone?.container = container.number
    }

    /// A container is no more: its group is removed, its zone is free.
    func remove(_ container: GuestContainer) {
        container.life.remove()
        container.cutRelays()
        container.group.unwatch(loop: loop)
        _ = container.group.remove()
        if let zone = zones[container.node], zone.container == container.number { zone.container = nil }
        all.removeAll { $0 === container }
        removed(container.number)
    }

    // MARK: events

    /// Reports kills for lack of memory that were not reported yet.
    func noticeOutOfMemory(_ container: GuestContainer) {
        let kills = container.group.oomKills
        guard kills > container.oomKills else { return }
        container.oomKills = kills
        container.isOutOfBaseMemory = container.group.baseMemoryKills > 0
        host.send(event: OutOfMemory(container: container.number, kills: kills))
    }

    func reportExit(of process: ContainerProcess, _ status: ExitStatus, in container: GuestContainer) {
        host.send(
            event: Exited(
                container: container.number, process: process.number, status: status,
                oomKilled: container.oomKills > 0, isForBaseMemory: container.isOutOfBaseMemory, time: Kernel.wallClock)
        )
    }
}
