import Geometry

/// Has the zones of containers grow before these stall, and shrink when they use much less.
///
/// memory.high is the measure: below it a container is as fast as without, beyond it its processes are slowed down, the
/// more the further, so that none of them is at its limit before the agent and the host have done their part.
final class ElasticZones {
    /// How often containers that have more than at first are looked at, in milliseconds, and how often in a row one is
    /// to use little before it shrinks.
    private static let interval: UInt32 = 250
    private static let looks = 2
    /// Looks until blocks that did not go offline are tried again.
    private static let pause = 40
    /// Until a host that had no memory is asked again, in milliseconds.
    private static let denial: UInt32 = 5000
    /// How long the host may take to answer, in milliseconds: longer than it gives its driver. Then it is asked again.
    private static let answer: UInt32 = 45_000
    /// What taking blocks offline may take, in milliseconds. Then those that are left stay.
    private static let offlining: UInt32 = 5000
    /// What the last of a zone's new blocks may take to come online.
    private static let onlining: UInt32 = 30_000

    private let loop: PollLoop
    private let host: HostConnection
    private let zones: ZoneService
    private let containers: GuestContainers
    private let workers: Workers
    private var isLooking = false

    init(loop: PollLoop, host: HostConnection, zones: ZoneService, containers: GuestContainers, workers: Workers) {
        self.loop = loop
        self.host = host
        self.zones = zones
        self.containers = containers
        self.workers = workers
    }

    // MARK: growing

    /// A container is made.
    func add(_ container: GuestContainer, _ request: CreateContainer) {
        guard container.node != 0, request.maxZoneBytes > request.zoneBytes else { return }
        container.elastic = ElasticMemory(firstBytes: request.zoneBytes, maxBytes: request.maxZoneBytes)
        container.group.setGrowthLevel(ElasticZone.askLevel(inZoneOf: request.zoneBytes))
    }

    /// It has met one of its limits of memory.
    func noticeMemoryEvent(of container: GuestContainer) {
        guard let elastic = container.elastic else { return }
        let events = container.group.highEvents
        guard events != elastic.highEvents else { return }
        container.elastic?.highEvents = events
        if elastic.state == .steady { decide(container) }
    }

    /// Its own limits are others now.
    func limitsChanged(of container: GuestContainer) {
        if container.elastic?.state == .steady { decide(container) }
    }

    /// Asks for more where what is used is more than file pages that can be dropped; those alone make no zone grow.
    private func decide(_ container: GuestContainer) {
        guard let elastic = container.elastic, let zone = zones[container.node], container.life.isAlive else { return }
        let bytes = zone.contiguousBytes
        guard bytes < elastic.maxBytes(under: container.group.memoryMax) else {
            // Its limit alone holds it.
            container.group.setGrowthLevel(.max)
            return look()
        }
        let level = ElasticZone.askLevel(inZoneOf: bytes)
        // What a processor has counted for itself may be missing.
        guard container.group.workingSet >= level - level / 16 else {
            let isCacheAlone = container.group.memoryCurrent >= level
            container.group.setGrowthLevel(isCacheAlone ? ElasticZone.brakeLevel(inZoneOf: bytes) : level)
            return look()
        }
        container.elastic?.state = .asking
        container.group.setGrowthLevel(ElasticZone.brakeLevel(inZoneOf: bytes))
        container.elastic?.asked &+= 1
        let (number, asked) = (container.number, container.elastic?.asked)
        host.send(event: MemoryWanted(container: number))
        _ = loop.after(milliseconds: ElasticZones.answer) { [self] in
            guard let container = containers.find(number), container.elastic?.asked == asked else { return }
            if container.elastic?.state == .asking { becomeSteady(container, zone) }
        }
    }

    /// A block of a zone came online: what is there can be used before all of it is.
    func noticeGrowth(of zone: GuestZone) {
        guard let number = zone.container, let container = containers.find(number),
            container.elastic?.state == .asking
        else { return }
        container.group.zoneIs(zone.contiguousBytes)
        container.group.setGrowthLevel(ElasticZone.brakeLevel(inZoneOf: zone.contiguousBytes))
    }

    func endGrowth(_ request: GrowthEnded, _ caller: Caller) throws(Failure) {
        let container = try containers.get(request.container)
        caller.reply(Done())
        guard container.elastic?.state == .asking, let zone = zones[container.node] else { return }
        guard request.hasGrown else { return becomeDenied(container) }
        // It has answered; what is plugged comes online, or does not.
        container.elastic?.asked &+= 1
        let waiter = ZoneWaiter(bytes: request.pluggedBytes, timeout: ElasticZones.onlining) { [self] _ in
            becomeSteady(container, zone)
        }
        zones.add(waiter, to: zone)
    }

    /// Nothing slows it down: what it has it may use up.
    private func becomeDenied(_ container: GuestContainer) {
        container.elastic?.state = .denied
        container.group.setGrowthLevel(.max)
        // Not the container itself: it would hold its control group until then.
        let number = container.number
        _ = loop.after(milliseconds: ElasticZones.denial) { [self] in
            guard let container = containers.find(number), container.elastic?.state == .denied else { return }
            if let zone = zones[container.node] { becomeSteady(container, zone) }
        }
    }

    private func becomeSteady(_ container: GuestContainer, _ zone: GuestZone) {
        guard zone.container == container.number else { return }
        container.elastic?.state = .steady
        container.group.zoneIs(zone.contiguousBytes)
        decide(container)
    }

    // MARK: shrinking

    /// Looks again in a while, where there is something to look at.
    private func look() {
        guard !isLooking else { return }
        isLooking = true
        _ = loop.after(milliseconds: ElasticZones.interval) { [self] in
            isLooking = false
            var isWanted = false
            for container in containers.all where container.elastic != nil {
                isWanted = look(at: container) || isWanted
            }
            if isWanted { look() }
        }
    }

    /// Whether it is to be looked at again.
    private func look(at container: GuestContainer) -> Bool {
        guard let elastic = container.elastic, let zone = zones[container.node], container.life.isAlive else {
            return false
        }
        guard case .running = container.life.state, elastic.state == .steady else { return true }
        let bytes = zone.contiguousBytes
        let level = ElasticZone.askLevel(inZoneOf: bytes)
        let used = container.group.memoryCurrent
        let target = ElasticZone.smallerSize(than: bytes, using: used, atLeast: elastic.firstBytes)
        container.elastic?.quietLooks = target != nil ? elastic.quietLooks + 1 : min(elastic.quietLooks, 0)
        if let target, elastic.quietLooks + 1 >= ElasticZones.looks {
            shrink(container, zone, to: target)
        } else if used < level, bytes < elastic.maxBytes(under: container.group.memoryMax) {
            container.group.setGrowthLevel(level)
        }
        return bytes > elastic.firstBytes || container.group.growthLevel != level
    }

    /// Takes the upper blocks offline in a process that has the zone's memory, so that pages which are still in them move
    /// down; the end of the container ends it too.
    private func shrink(_ container: GuestContainer, _ zone: GuestZone, to target: UInt64) {
        container.elastic?.state = .shrinking
        container.elastic?.quietLooks = 0
        // More than this it shall not use until it is known what is left.
        container.group.setGrowthLevel(ElasticZone.askLevel(inZoneOf: target))
        let before = zone.contiguousBytes
        let first = zone.firstBlock
        let blocks = (first + target / zone.blockSize)..<(first + before / zone.blockSize)
        let work = { () -> [UInt8] in
            Kernel.setAlarm(milliseconds: ElasticZones.offlining)
            for block in blocks.reversed() {
                do throws(Failure) {
                    try writeValue("offline", to: "/sys/devices/system/memory/memory\(block)/state", .zoneOffline)
                } catch { break }
            }
            return []
        }
        do throws(Failure) {
            try workers.run(timeout: ElasticZones.offlining + 1000, group: container.group, joins: true, work) {
                [self] _ in endShrinking(container, zone, from: before)
            }
        } catch {
            endShrinking(container, zone, from: before)
        }
    }

    private func endShrinking(_ container: GuestContainer, _ zone: GuestZone, from before: UInt64) {
        guard zone.container == container.number, container.elastic?.state == .shrinking else { return }
        zones.takeEvents()
        let bytes = zone.contiguousBytes
        if bytes < before, container.life.isAlive {
            host.send(event: MemoryReturned(container: container.number, onlineBytes: bytes))
        } else {
            container.elastic?.quietLooks = -ElasticZones.pause
        }
        becomeSteady(container, zone)
        look()
    }
}
