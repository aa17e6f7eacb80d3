import AgentProtocol
import ControlProtocol
import LinuxSystem
import Memory
import Zones

/// Says what the VM is now. Protected by the device lock.
final class VirtualMachineReporter {
    private let machine: any SupervisedMachine
    private let virtualCPUs: Int
    private let lifecycle: VirtualMachineLifecycle
    private let agent: AgentSession
    private let containers: ContainerTable
    private let zones: ZoneSet

    init(
        _ machine: any SupervisedMachine, virtualCPUs: Int, _ lifecycle: VirtualMachineLifecycle,
        _ agent: AgentSession, _ containers: ContainerTable, _ zones: ZoneSet
    ) {
        self.machine = machine
        self.virtualCPUs = virtualCPUs
        self.lifecycle = lifecycle
        self.agent = agent
        self.containers = containers
        self.zones = zones
    }

    /// - Parameter measured: the agent is asked for each container's use of resources too.
    func describe(measured: Bool, _ caller: ControlCaller) {
        guard measured, lifecycle.state == .ready else { return caller.reply(.description(description([:]))) }
        agent.request(MeasureContainers()) { [unowned self] result in
            // Without measures the description still holds: what the guest does not tell, nobody can.
            let measures = (try? result.get())?.containers ?? []
            let byNumber = Dictionary(measures.map { ($0.container, $0) }) { first, _ in first }
            caller.reply(.description(description(byNumber)))
        }
    }

    /// The guest's memory by node, once the VM is ready.
    func measureNodes(_ caller: ControlCaller) {
        lifecycle.whenReady { [agent] in
            agent.request(MeasureNodes()) { caller.answer($0) { .nodes($0) } }
        }
    }

    private func description(_ measures: [ContainerNumber: ContainerMeasure]) -> VirtualMachineDescription {
        let base = machine.baseResidentBytes
        let reports = zones.keepers.map { report(on: $0) }
        // The guest's memory is the process's own too; what is left is what the monitor costs.
        let guests = reports.reduce(base) { $0 + $1.residentBytes }
        let anonymous = ProcessMemory.anonymousBytes
        return VirtualMachineDescription(
            state: lifecycle.state, virtualCPUs: UInt32(virtualCPUs), baseSizeInBytes: machine.baseSizeInBytes,
            baseResidentBytes: base, privateResidentBytes: anonymous - min(anonymous, guests),
            bootMicroseconds: lifecycle.bootMicroseconds, zones: reports,
            containers: containers.all.map { container in
                ContainerReport(
                    id: container.id, state: container.life.state.report, node: container.zone?.zone.node ?? 0,
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
