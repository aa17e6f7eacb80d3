import AgentProtocol
import ControlProtocol
import LinuxSystem
import Machine
import Memory
import Zones

/// What the VM is now.
extension Supervisor {
    func describe(measured: Bool, _ waiter: Waiter) {
        guard measured, state == .ready, let agent else { return waiter.reply(.description(description([:]))) }
        agent.request(MeasureContainers()) { [self] result in
            // Without measures the description still holds: what the guest does not tell, nobody can.
            let measures = (try? result.get())?.containers ?? []
            let byNumber = Dictionary(measures.map { ($0.container, $0) }) { first, _ in first }
            waiter.reply(.description(description(byNumber)))
        }
    }

    private func description(_ measures: [ContainerNumber: ContainerMeasure]) -> VirtualMachineDescription {
        let base = machine.baseResidentBytes
        let reports = zones.map { report(on: $0) }
        // The guest's memory is the process's own too; what is left is what the monitor costs.
        let guests = reports.reduce(base) { $0 + $1.residentBytes }
        let anonymous = ProcessMemory.anonymousBytes
        return VirtualMachineDescription(
            state: state, virtualCPUs: UInt32(configuration.virtualCPUs),
            baseSizeInBytes: machine.layout.baseRanges.reduce(0) { $0 + $1.sizeInBytes },
            baseResidentBytes: base, privateResidentBytes: anonymous - min(anonymous, guests),
            bootMicroseconds: readyAt == 0 ? 0 : (readyAt - configuration.startedAt) / 1000,
            zones: reports,
            containers: containers.values.sorted { $0.number.rawValue < $1.number.rawValue }.map { container in
                ContainerReport(
                    id: container.id, state: container.state, node: container.zone?.zone.node ?? 0,
                    guestProcessID: container.guestProcessID, measure: measures[container.number])
            })
    }

    private func report(on keeper: ZoneKeeper) -> ZoneReport {
        let life = keeper.life
        var reason = ""
        if case .quarantined(let cause) = life.state { reason = "\(cause)" }
        return ZoneReport(
            node: keeper.zone.node, base: keeper.zone.range.start.rawValue, sizeInBytes: keeper.zone.sizeInBytes,
            state: life.state.report, pluggedBytes: life.pluggedSizeInBytes,
            residentBytes: machine.residentBytes(ofZone: keeper.zone.index), reason: reason)
    }
}
