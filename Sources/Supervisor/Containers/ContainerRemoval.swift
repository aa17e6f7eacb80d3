import AgentProtocol
import ControlProtocol
import Zones

/// A container's way from its end to the return of its zone. Protected by the device lock.
final class ContainerRemoval {
    private let containers: ContainerTable
    private let lifecycle: VirtualMachineLifecycle
    private let agent: AgentSession
    private let volumes: AttachedVolumes
    private let images: FurtherImages
    private let journal: EventJournal
    private let zoneReturn: ZoneReturn

    init(
        _ containers: ContainerTable, _ lifecycle: VirtualMachineLifecycle, _ agent: AgentSession,
        _ volumes: AttachedVolumes, _ images: FurtherImages, _ journal: EventJournal
    ) {
        self.containers = containers
        self.lifecycle = lifecycle
        self.agent = agent
        self.volumes = volumes
        self.images = images
        self.journal = journal
        zoneReturn = ZoneReturn(agent: agent)
    }

    /// Ends a container, where it has not ended: what is left of it is killed, and its zone taken back.
    func end(_ container: HostedContainer, _ record: ExitRecord) {
        guard container.end(record) else { return }
        journal.noteEnd(record)
        // Behind its making, where that still waits.
        lifecycle.whenReady { [unowned self] in
            images.whenMounted(container.images) { [unowned self] failure in
                if failure == nil { delete(container) } else { returnZone(ofUnmade: container) }
            }
        }
    }

    private func delete(_ container: HostedContainer) {
        container.zone?.drain()
        let request = DeleteContainer(
            container: container.number, offlineZone: container.zone != nil,
            timeout: AgentSession.agentTimeoutInMilliseconds)
        agent.request(request) { [unowned self] result in
            switch result {
            case .success(let deleted): returnZone(of: container, deleted.zone, after: deleted.timings)
            case .failure(let failure): quarantineZone(of: container, failure)
            }
        }
    }

    /// A container could not be made: only its zone is there, which goes back as after an end.
    func giveUp(_ container: HostedContainer, _ failure: AgentFailure) {
        guard container.exit == nil else { return }
        // Before anybody learns of it: in another VM the address may be asked for at once.
        container.ports.close()
        journal.noteFailedStart(of: container.id, failure.refusal)
        container.caller.reply(.refused(failure.refusal))
        _ = container.end(container.record(code: failure.exitCode, reason: "\(failure)"), repliesToCaller: false)
        // It may be made yet.
        if case .timeout = failure { return delete(container) }
        returnZone(ofUnmade: container)
    }

    /// The guest has nothing of it but its zone.
    private func returnZone(ofUnmade container: HostedContainer) {
        guard let zone = container.zone else { return finish(container) }
        zone.drain()
        let request = OfflineZone(node: zone.zone.node, timeout: AgentSession.agentTimeoutInMilliseconds)
        agent.request(request) { [unowned self] result in
            switch result {
            case .success(let offline): returnZone(of: container, offline, after: [])
            case .failure(let failure): quarantineZone(of: container, failure)
            }
        }
    }

    /// A client wants it gone, whatever it does.
    func remove(_ id: String, _ caller: ControlCaller) throws(Refusal) {
        let container = try containers.existing(id)
        container.removalCallers.append(caller)
        end(container, container.record(code: 137, reason: "removed"))
    }

    /// A client's connection has gone: the containers that shall not outlive it end.
    func endContainers(of session: ControlSession) {
        for container in containers.all where container.endsWithConnection && container.caller.session === session {
            end(container, container.record(code: 137, reason: "its client went away"))
        }
    }

    private func returnZone(of container: HostedContainer, _ offline: ZoneOffline?, after steps: [StepTiming]) {
        guard let zone = container.zone else { return finish(container) }
        // The zone is on its way whether the guest hurries or not: the container is gone for its clients only when
        // the memory is back, or the zone quarantined.
        zoneReturn.take(zone, offline, after: steps) { [unowned self] in finish(container) }
    }

    private func quarantineZone(of container: HostedContainer, _ failure: AgentFailure) {
        zoneReturn.quarantine(container.zone, failure)
        finish(container)
    }

    private func finish(_ container: HostedContainer) {
        guard containers.remove(container) else { return }
        volumes.detach(from: container)
        images.release(container.images)
        container.remove()
        guard lifecycle.isAlone else { return lifecycle.containersChanged() }
        lifecycle.endAlone(after: container.output)
    }
}
