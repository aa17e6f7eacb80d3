import AgentProtocol
import Zones

/// The return of a zone's memory, once the agent has emptied it or said that it cannot. Protected by the device lock.
struct ZoneReturn {
    let agent: AgentSession

    /// The agent says that the zone is empty and offline; the device says whether that is so. The completion is called
    /// when the memory is back, or the zone quarantined.
    func take(
        _ zone: PluggableZone, _ offline: ZoneOffline?, after steps: [StepTiming], completion: @escaping () -> Void
    ) {
        guard let offline, offline.isOffline else {
            zone.quarantine(.notEmpty)
            return completion()
        }
        zone.noteOffline(offline, after: steps)
        zone.unplug { [agent] in
            let again = OfflineZone(node: zone.zone.node, timeout: AgentSession.agentTimeoutInMilliseconds)
            agent.request(again) { _ in }
        } onReturned: {
            completion()
        }
    }

    /// It is not known what is in it.
    func quarantine(_ zone: PluggableZone?, _ failure: AgentFailure) {
        if case .timeout = failure { zone?.quarantine(.timeout) } else { zone?.quarantine(.notEmpty) }
    }
}
