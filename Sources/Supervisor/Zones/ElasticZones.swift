import AgentProtocol
import ControlProtocol
import Geometry
import LinuxSystem
import Zones

/// Gives containers' zones more memory when they ask, as far as each may have it and the host has it, and takes back the
/// blocks that they have emptied. A guest that asks for ever gets its maximum and no more, one that says nothing keeps
/// what it has until its container ends. Protected by the device lock.
final class ElasticZones {
    /// A container that got nothing is not answered again within this time, in nanoseconds; the agent waits longer.
    private static let denialInterval: UInt64 = 1_000_000_000

    private let containers: ContainerTable
    private let agent: AgentSession
    private let journal: EventJournal
    /// The host's memory; others in tests.
    var hostMemory: () -> HostMemory?

    init(
        _ containers: ContainerTable, _ agent: AgentSession, _ hostMemory: HostMemoryFile?, _ journal: EventJournal
    ) {
        self.containers = containers
        self.agent = agent
        self.hostMemory = { hostMemory?.memory }
        self.journal = journal
    }

    func memoryIsWanted(by number: ContainerNumber) {
        guard let container = containers[number], let zone = container.zone, container.elasticity != nil else { return }
        guard container.exit == nil else { return }
        guard zone.life.state == .online, !zone.isChanging else {
            container.elasticity?.isWaiting = true
            return
        }
        grow(container, zone)
    }

    private func grow(_ container: HostedContainer, _ zone: PluggableZone) {
        guard let elasticity = container.elasticity, !isDenied(elasticity) else { return }
        let plugged = zone.life.pluggedSizeInBytes
        let wanted = ElasticZone.nextSize(after: plugged, atMost: elasticity.maxInBytes)
        guard wanted > plugged else { return deny(container, zone, nil) }
        let size = affordable(wanted, plugged)
        guard let size else {
            return deny(container, zone, "the host has no memory for more than its \(plugged >> 20) MiB")
        }
        do {
            try zone.resize(size) { [unowned self] isPlugged in
                finish(container, zone, hasGrown: isPlugged)
            }
        } catch {
            deny(container, zone, "\(error)")
        }
    }

    /// What of it the host has memory for: all, a block, or nothing. A part of the host's memory stays its own.
    private func affordable(_ wanted: UInt64, _ plugged: UInt64) -> UInt64? {
        guard let host = hostMemory() else { return wanted }
        let spare = host.available - min(host.available, host.total / 32)
        return [wanted, plugged + ZoneGeometry.blockSizeInBytes].first { $0 - plugged <= spare }
    }

    private func finish(_ container: HostedContainer, _ zone: PluggableZone, hasGrown: Bool) {
        guard container.exit == nil else { return }
        guard hasGrown else {
            deny(container, zone, "the guest has not plugged more within \(PluggableZone.deadline) s")
            return goOn(container, zone)
        }
        container.elasticity?.deniedAt = 0
        container.elasticity?.denial = ""
        report(container, zone)
        answer(container, zone, hasGrown: true)
        goOn(container, zone)
    }

    /// - Parameter reason: nil where it has all that it may have.
    private func deny(_ container: HostedContainer, _ zone: PluggableZone, _ reason: String?) {
        container.elasticity?.deniedAt = MonotonicClock.nanoseconds
        container.elasticity?.denial = reason ?? ""
        if let reason {
            journal.note(.deniedGrowth, "a container gets no more memory: \(reason)", container: container.id)
        }
        answer(container, zone, hasGrown: false)
    }

    /// Before anything is looked at: a guest may ask as often as it likes.
    private func isDenied(_ elasticity: Elasticity) -> Bool {
        let last = elasticity.deniedAt
        return last > 0 && MonotonicClock.nanoseconds - last < Self.denialInterval
    }

    private func report(_ container: HostedContainer, _ zone: PluggableZone) {
        guard container.elasticity?.isReported == true else { return }
        container.caller.reply(.zoneResized(sizeInBytes: zone.life.pluggedSizeInBytes))
    }

    private func answer(_ container: HostedContainer, _ zone: PluggableZone, hasGrown: Bool) {
        let ended = GrowthEnded(
            container: container.number, pluggedBytes: zone.life.pluggedSizeInBytes, hasGrown: hasGrown)
        agent.request(ended) { _ in }
    }

    /// What came while the zone was changing, or was not known to be online.
    func goOn(_ container: HostedContainer, _ zone: PluggableZone) {
        guard let elasticity = container.elasticity, zone.life.state == .online, !zone.isChanging else { return }
        container.elasticity?.isWaiting = false
        container.elasticity?.returned = 0
        if elasticity.returned > 0 { takeBack(container, zone, leaving: elasticity.returned) }
        if elasticity.isWaiting { memoryIsWanted(by: container.number) }
    }

    // MARK: shrinking

    /// The agent has taken the blocks behind so many bytes offline; where that is not so, the driver unplugs nothing.
    func memoryIsReturned(by number: ContainerNumber, leaving onlineBytes: UInt64) {
        guard let container = containers[number], let zone = container.zone, container.elasticity != nil else { return }
        guard container.exit == nil else { return }
        guard zone.life.state == .online, !zone.isChanging else {
            container.elasticity?.returned = onlineBytes
            return
        }
        takeBack(container, zone, leaving: onlineBytes)
    }

    private func takeBack(_ container: HostedContainer, _ zone: PluggableZone, leaving onlineBytes: UInt64) {
        let plugged = zone.life.pluggedSizeInBytes
        guard onlineBytes >= container.zoneSizeInBytes, onlineBytes < plugged, ZoneGeometry.isWholeBlocks(onlineBytes)
        else { return journal.note(.violation(.agent), "the agent returns memory that is not a zone's upper blocks") }
        // What the driver does not unplug in time stays the container's.
        try? zone.resize(onlineBytes) { [unowned self] _ in
            report(container, zone)
            goOn(container, zone)
        }
    }
}
