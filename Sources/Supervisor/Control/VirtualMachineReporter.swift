import AgentProtocol
import ControlProtocol
import FileShare
import LinuxSystem
import Memory
import Metrics
import Virtio
import Zones

/// Says what the VM is now. Protected by the device lock.
final class VirtualMachineReporter {
    private let machine: any SupervisedMachine
    private let configuration: Supervisor.Configuration
    private let lifecycle: VirtualMachineLifecycle
    private let agent: AgentSession
    private let containers: ContainerTable
    private let zones: ZoneSet
    private let journal: EventJournal

    init(
        _ machine: any SupervisedMachine, _ configuration: Supervisor.Configuration,
        _ lifecycle: VirtualMachineLifecycle, _ agent: AgentSession, _ containers: ContainerTable, _ zones: ZoneSet,
        _ journal: EventJournal
    ) {
        self.machine = machine
        self.configuration = configuration
        self.journal = journal
        self.lifecycle = lifecycle
        self.agent = agent
        self.containers = containers
        self.zones = zones
    }

    /// - Parameter measured: the agent is asked for each container's use of resources too.
    func describe(measured: Bool, _ caller: ControlCaller) {
        guard measured, lifecycle.state == .ready else { return caller.reply(.description(description([:]))) }
        agent.request(MeasureContainers()) { [unowned self] result in
            // Without measures the description still holds: only the guest could give them.
            let measures = (try? result.get())?.containers ?? []
            let byNumber = Dictionary(measures.map { ($0.container, $0) }) { first, _ in first }
            caller.reply(.description(description(byNumber)))
        }
    }

    /// What the host knows by itself: an agent that is silent keeps nobody from it.
    func reportMetrics(_ caller: ControlCaller) {
        var counts = journal.counts
        if let network = machine.network { count(network, &counts) }
        counts[.fileRequest] = configuration.files.requestCount
        counts[.malformedFileRequest] = configuration.files.malformedRequestCount
        caller.reply(
            .metrics(
                VirtualMachineMetrics(
                    description: description([:]), isRestored: configuration.isRestored,
                    counts: counts.filter { $0.value > 0 }.map { VirtualMachineMetrics.Count($0.key, $0.value) },
                    stages: journal.stages.map { stage, histogram in
                        VirtualMachineMetrics.StageDurations(
                            stage: stage, counts: histogram.counts, sum: histogram.sum)
                    },
                    containers: containers.all.map(\.counts))))
    }

    /// Of the frames that go nowhere the device has the counts, the journal only the words.
    private func count(_ network: NetworkDevice, _ counts: inout [CountedEvent: UInt64]) {
        counts[.frame(.received)] = network.traffic.receivedFrames
        counts[.frame(.transmitted)] = network.traffic.transmittedFrames
        counts[.frameByte(.received)] = network.traffic.receivedBytes
        counts[.frameByte(.transmitted)] = network.traffic.transmittedBytes
        for loss in CountedEvent.FrameLoss.allCases { counts[.lostFrame(loss)] = network.counters[loss] }
    }

    /// The guest's memory by node, once the VM is ready.
    func measureNodes(_ caller: ControlCaller) {
        lifecycle.whenReady { [agent] in
            agent.request(MeasureNodes()) { caller.answer($0) { .nodes($0) } }
        }
    }

    private func description(_ measures: [ContainerNumber: ContainerMeasure]) -> VirtualMachineDescription {
        let base = machine.baseResidentBytes
        let reports = zones.all.map { report(on: $0) }
        // The guest's memory is the process's own too; what is left is what the monitor costs.
        let guests = reports.reduce(base) { $0 + $1.residentBytes }
        let anonymous = ProcessMemory.anonymousBytes
        return VirtualMachineDescription(
            state: lifecycle.state, virtualCPUs: UInt32(configuration.virtualCPUs),
            baseSizeInBytes: machine.baseSizeInBytes,
            baseResidentBytes: base, privateResidentBytes: anonymous - min(anonymous, guests),
            bootMicroseconds: lifecycle.bootMicroseconds, zones: reports,
            containers: containers.all.map { container in
                ContainerReport(
                    id: container.id, state: container.life.state.report, node: container.zone?.zone.node ?? 0,
                    guestProcessID: container.guestProcessID, measure: measures[container.number])
            })
    }

    private func report(on zone: PluggableZone) -> ZoneReport {
        let life = zone.life
        var reason = ""
        if case .quarantined(let cause) = life.state { reason = "\(cause)" }
        return ZoneReport(
            node: zone.zone.node, base: zone.zone.range.start.rawValue, sizeInBytes: zone.zone.sizeInBytes,
            state: life.state.report, pluggedBytes: life.pluggedSizeInBytes,
            residentBytes: machine.residentBytes(ofZone: zone.zone.index), reason: reason)
    }
}

extension NetworkCounters {
    fileprivate subscript(loss: CountedEvent.FrameLoss) -> UInt64 {
        switch loss {
        case .spoofed: spoofed
        case .portless: portless
        case .malformed: malformed
        case .refused: refused
        case .misdirected: misdirected
        case .undeliverable: undeliverable
        }
    }
}

extension HostedContainer {
    fileprivate var counts: VirtualMachineMetrics.ContainerCounts {
        var counts = VirtualMachineMetrics.ContainerCounts(id: id, number: number.rawValue)
        let traffic = ports.traffic
        counts.receivedFrames = traffic.receivedFrames
        counts.receivedBytes = traffic.receivedBytes
        counts.transmittedFrames = traffic.transmittedFrames
        counts.transmittedBytes = traffic.transmittedBytes
        counts.outOfMemory = outOfMemoryCount
        return counts
    }
}
