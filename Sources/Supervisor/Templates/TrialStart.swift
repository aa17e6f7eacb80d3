import AgentProtocol
import ControlProtocol
import Geometry
import Zones

/// The start of a copy that is nobody's, in a zone that comes and goes with it: what the first copy in a VM touches for
/// the first time has been touched then. For clients and for the VM's life it is no container.
///
/// Protected by the device lock.
final class TrialStart {
    /// What becomes of the copy.
    enum Extent {
        /// It is killed before its first instruction.
        case making
        /// It runs on from the point until it rests, so that its pages which all copies write are known to the guest's
        /// kernel. Only where nothing that it does can be seen: in a VM that becomes a template or records a working set.
        case running
    }

    /// What came of it.
    enum Outcome {
        /// There was no zone for it, or the guest could not make it; all is as before.
        case impossible
        case done
        /// Its zone is quarantined.
        case zoneLost
    }

    private let containers: ContainerTable
    private let agent: AgentSession
    private let zones: ZoneSet
    private let deadlines: Deadlines
    private let zoneReturn: ZoneReturn

    /// It rests when it takes at most so much of the processors between two looks, a second apart, in nanoseconds.
    private static let maxRestingUsage: UInt64 = 10_000_000
    /// Looks at a copy that does not come to rest.
    private static let maxLooks = 10

    init(_ containers: ContainerTable, _ agent: AgentSession, _ zones: ZoneSet, _ deadlines: Deadlines) {
        self.containers = containers
        self.agent = agent
        self.zones = zones
        self.deadlines = deadlines
        zoneReturn = ZoneReturn(agent: agent)
    }

    /// Starts a copy of the template and ends it; the completion is called once.
    func run(_ template: ProcessTemplate, _ extent: Extent, completion: @escaping (Outcome) -> Void) {
        // The last zone is a container's.
        let free = zones.all.filter(\.life.isFree)
        guard let origin = template.origin, free.count > 1,
            let zone = try? zones.findFree(ZoneGeometry.blockSizeInBytes)
        else { return completion(.impossible) }
        do { try zone.plug(ZoneGeometry.blockSizeInBytes, expecting: template.expectedBytes) {} } catch {
            zone.quarantine(.hostFailure)
            return completion(.zoneLost)
        }
        let number = containers.takeNumber()
        let memoryMax = ZoneGeometry.maxMemoryLimit(inZoneOf: ZoneGeometry.blockSizeInBytes)
        let request = CreateContainer(
            container: number, node: zone.zone.node, zoneBytes: ZoneGeometry.blockSizeInBytes,
            zoneTimeout: AgentSession.agentTimeoutInMilliseconds, start: true,
            origin: extent == .running ? .copy(of: origin) : .trial(of: origin),
            specification: template.identity.copy(memoryMax: memoryMax))
        agent.request(request) { [unowned self] result in
            switch result {
            case .failure: delete(number, zone, .impossible, completion)
            case .success(let started):
                zone.confirmOnline()
                let end = { [self] in delete(number, zone, .done, completion) }
                if extent == .running, started.refusal.isEmpty { whenResting(number, completion: end) } else { end() }
            }
        }
    }

    private func whenResting(
        _ number: ContainerNumber, usage: UInt64 = 0, looks: Int = 0, completion: @escaping () -> Void
    ) {
        guard looks < Self.maxLooks else { return completion() }
        deadlines.after(seconds: 1) { [unowned self] in
            agent.request(MeasureContainers()) { [self] result in
                let measures = (try? result.get())?.containers ?? []
                // It has ended.
                guard let measure = measures.first(where: { $0.container == number }) else { return completion() }
                let isResting = looks > 0 && measure.cpuUsage - min(usage, measure.cpuUsage) <= Self.maxRestingUsage
                if isResting { return completion() }
                whenResting(number, usage: measure.cpuUsage, looks: looks + 1, completion: completion)
            }
        }
    }

    /// Also where it could not be made: it may have been, by an agent that was late.
    private func delete(
        _ number: ContainerNumber, _ zone: PluggableZone, _ outcome: Outcome, _ completion: @escaping (Outcome) -> Void
    ) {
        zone.drain()
        let request = DeleteContainer(
            container: number, offlineZone: true, timeout: AgentSession.agentTimeoutInMilliseconds)
        agent.request(request) { [unowned self] result in
            switch result {
            case .success(let deleted):
                zoneReturn.take(zone, deleted.zone, after: deleted.timings) {
                    completion(zone.life.isFree ? outcome : .zoneLost)
                }
            case .failure(let failure):
                zoneReturn.quarantine(zone, failure)
                completion(.zoneLost)
            }
        }
    }
}
