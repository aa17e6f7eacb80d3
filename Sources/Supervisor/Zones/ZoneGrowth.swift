import AgentProtocol
import ControlProtocol
import Zones

/// Plugs more of a zone while its container lives in it. Protected by the device lock.
final class ZoneGrowth {
    private let containers: ContainerTable
    private let agent: AgentSession
    private let elasticZones: ElasticZones

    init(_ containers: ContainerTable, _ agent: AgentSession, _ elasticZones: ElasticZones) {
        self.containers = containers
        self.agent = agent
        self.elasticZones = elasticZones
    }

    /// Plugs a container's zone up to a size. Less than it has is refused: Linux would move the pages of the blocks that
    /// go to another node, out of the zone.
    func grow(zoneOf id: String, to sizeInBytes: UInt64, _ caller: ControlCaller) throws(Refusal) {
        let container = try containers.running(id)
        guard let zone = container.zone else { throw Refusal(.wrongState, "the container \(id) has no zone") }
        let plugged = zone.life.pluggedSizeInBytes
        guard sizeInBytes >= plugged else {
            throw Refusal(
                .wrongState,
                "the zone of \(id) cannot shrink from \(plugged >> 20) to \(sizeInBytes >> 20) MiB while it is used")
        }
        guard sizeInBytes > plugged else { return caller.reply(.done) }
        guard !zone.isChanging else { throw Refusal(.wrongState, "the zone of \(id) is being resized") }
        do {
            try zone.resize(sizeInBytes) { [unowned self] isPlugged in
                confirm(container, zone, isPlugged ? sizeInBytes : nil, caller)
            }
        } catch {
            throw Refusal(.invalid, "the zone of \(id): \(error)")
        }
    }

    /// The guest has plugged it, or nil where it has not; the agent says when it is online.
    private func confirm(
        _ container: HostedContainer, _ zone: PluggableZone, _ sizeInBytes: UInt64?, _ caller: ControlCaller
    ) {
        defer { elasticZones.goOn(container, zone) }
        guard container.exit == nil else {
            return caller.reply(.refused(Refusal(.wrongState, "the container \(container.id) has ended")))
        }
        guard let sizeInBytes else {
            let text = "the guest has not plugged the zone of \(container.id) within \(PluggableZone.deadline) s"
            return caller.reply(.refused(Refusal(.late, text)))
        }
        let request = OnlineZone(
            node: zone.zone.node, sizeInBytes: sizeInBytes, timeout: AgentSession.agentTimeoutInMilliseconds)
        agent.request(request) { caller.answer($0) { _ in .done } }
    }
}
