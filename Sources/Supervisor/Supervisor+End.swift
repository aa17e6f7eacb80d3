import AgentProtocol
import ControlProtocol
import LinuxSystem
import Zones

/// A container's way from its end to the return of its zone.
extension Supervisor {
    /// Kills what is left of a container and takes its zone back.
    func remove(_ container: Container) {
        guard !container.isBeingRemoved else { return }
        container.isBeingRemoved = true
        container.state = .ending
        whenReady { [self] in
            container.zone?.drain()
            let request = DeleteContainer(
                container: container.number, offlineZone: container.zone != nil, timeout: Self.agentPatience)
            agent?.request(request) { [self] result in
                switch result {
                case .success(let deleted): zoneWentOffline(deleted.zone, container, after: deleted.timings)
                case .failure(let failure): keepAway(container, failure)
                }
            }
        }
    }

    /// A container that was never made: only its zone is there.
    func drain(_ container: Container, failure: AgentFailure) {
        guard !container.isBeingRemoved else { return }
        container.isBeingRemoved = true
        container.state = .ending
        guard let zone = container.zone else { return finish(container) }
        zone.drain()
        agent?.request(OfflineZone(node: zone.zone.node, timeout: Self.agentPatience)) { [self] result in
            switch result {
            case .success(let offline): zoneWentOffline(offline, container, after: [])
            case .failure(let failure): keepAway(container, failure)
            }
        }
    }

    /// The agent says that the zone is empty and offline; the device tells whether that is so.
    private func zoneWentOffline(_ offline: ZoneOffline?, _ container: Container, after steps: [StepTiming]) {
        guard let zone = container.zone else { return finish(container) }
        guard let offline, offline.isOffline else {
            zone.quarantine(.notEmpty)
            return finish(container)
        }
        zone.noteOffline(offline, after: steps)
        // The zone is on its way whether the guest hurries or not: the container is gone for its clients only when
        // the memory is back.
        zone.unplug { [self] in finish(container) }
        if case .quarantined = zone.life.state { finish(container) }
    }

    private func keepAway(_ container: Container, _ failure: AgentFailure) {
        if case .timeout = failure {
            container.zone?.quarantine(.timeout)
        } else {
            container.zone?.quarantine(.notEmpty)
        }
        finish(container)
    }

    private func finish(_ container: Container) {
        guard containers.removeValue(forKey: container.id) != nil else { return }
        detachVolumes(of: container)
        for waiter in container.removalWaiters { waiter.reply(.done) }
        container.removalWaiters = []
        guard configuration.isAlone else { return noteIdleness() }
        endWithOutput(of: container)
    }
}
