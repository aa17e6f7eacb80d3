// The supervisor: what a VM's process does beside the machine itself.
//
//     clients ── Control ─▶ Containers ─▶ Agent ── vsock ── the guest's agent
//                              ├▶ Zones ─▶ virtio-mem      plugged for a container, taken back at its end
//                              ├▶ Templates                process templates, of which containers are copies
//                              ├▶ Streams ─▶ vsock         output to client and log ─▶ Disk
//                              ├▶ Volumes ─▶ FileShare     files of the host's
//                              ├▶ Images ─▶ virtio-pmem    of containers that are not the VM's own image's
//                              └▶ Network ─▶ virtio-net    ports for pods' taps
//                           Lifecycle: booting, ready, idle, stopping
//
// Each directory is a room with one concern; `Supervisor` joins them and knows no more. A room is called with the device
// lock held (`Machine.lock`), by the event loop's handlers or by a device on a vCPU's thread, and has no lock of its own:
// lock order is the device lock, then at most one of FileShare's. No room waits for anything: what takes time is asked
// with a completion and a deadline (`Deadlines`), and what may wait for a disk is done by threads that never take the
// device lock (`DiskWork`). What comes from the agent is hostile: numbers that it names are looked up among what it was asked
// for, and nothing that it says reaches another container than the one it is about.

import AgentProtocol
public import ControlProtocol
import FileShare
import LinuxSystem
import Logs
public import Machine

/// Runs containers in a machine: answers the control socket, gives each container its zone, has the agent make it, and
/// takes the zone back when it has ended.
public final class Supervisor {
    let deadlines: Deadlines
    let containers = ContainerTable()
    let zones: ZoneSet
    let agent: AgentSession
    let lifecycle: VirtualMachineLifecycle
    let templates: ProcessTemplates
    let elasticZones: ElasticZones
    private let clock: GuestClock
    private let handshake: BootHandshake
    private let removal: ContainerRemoval
    private let execution: ProcessExecution
    private let control: ControlService
    private let disk: DiskWork
    private let records: ExitRecords
    private let journal: EventJournal

    /// Joins a machine that does not run yet. With the device lock held.
    public convenience init(_ machine: Machine, _ configuration: Configuration) throws {
        try self.init(supervising: machine, configuration)
    }

    init(supervising machine: any SupervisedMachine, _ configuration: Configuration) throws {
        let loop = machine.loop
        disk = configuration.disk
        deadlines = try Deadlines(on: loop)
        journal = EventJournal(Log.logger)
        machine.observeFaults(by: journal)
        let fileRequests = FileRequestLog(Log.logger)
        configuration.files.observeMalformedRequests { fileRequests.noteMalformed($0) }
        configuration.files.observeLoss { fileRequests.noteLoss($0) }
        zones = ZoneSet(machine.zoneDevices, deadlines, journal, configuration.memoryLimit)
        agent = AgentSession(vsock: machine.vsock, loop: loop, deadlines, journal)
        elasticZones = ElasticZones(containers, agent, configuration.hostMemory, journal)
        lifecycle = try VirtualMachineLifecycle(machine, containers, agent, deadlines, configuration)
        clock = try GuestClock(agent, containers, on: loop)
        lifecycle.whenReady { [clock] in clock.follow() }
        lifecycle.onContainersChange = { [clock] in clock.containersChanged() }
        templates = ProcessTemplates(machine, containers, agent, lifecycle, deadlines, log: configuration.log)
        handshake = BootHandshake(
            agent, lifecycle, templates, TrialStart(containers, agent, zones, deadlines),
            images: machine.filledPlaces.map { UInt8(clamping: $0) }, processTemplate: configuration.processTemplate)
        records = ExitRecords(disk, deadlines)
        let volumes = try AttachedVolumes(configuration.files, configuration.fileThreads, on: loop, deadlines)
        let images = FurtherImages(machine, lifecycle, agent)
        let streams = ContainerStreams(machine.vsock, on: loop, disk)
        let operations = ContainerOperations(containers, agent)
        removal = ContainerRemoval(containers, lifecycle, agent, volumes, images, journal)
        execution = ProcessExecution(containers, agent, operations, streams)
        let creation = ContainerCreation(
            containers, lifecycle, agent, zones, NetworkPorts.Source(device: machine.network), streams, volumes,
            images, removal, records, templates, elasticZones, journal)
        let reporter = VirtualMachineReporter(
            machine, configuration, lifecycle, agent, containers, zones, journal)
        control = ControlService(
            ControlService.Rooms(
                creation: creation, removal: removal, operations: operations, execution: execution,
                relays: ContainerRelays(containers, agent, streams),
                growth: ZoneGrowth(containers, agent, elasticZones), zones: zones, volumes: volumes, images: images,
                reporter: reporter,
                lifecycle: lifecycle, templates: templates, journal: journal),
            on: loop)
        if !configuration.restoredState.isEmpty {
            templates.restore(try SavedProcessTemplate(bytes: configuration.restoredState))
        }
        agent.listener = self
        if let socket = configuration.control { try control.listen(on: socket) }
    }

    /// The guest has come as far as the VM's purpose wants it, and the VM stops for that. With the device lock held.
    public var isPurposeFulfilled: Bool { lifecycle.isPurposeFulfilled }

    /// What the supervisor of a VM that is restored from this one must know; empty: nothing. With the device lock held.
    public var savedState: [UInt8] { templates.saved?.bytes ?? [] }

    /// The process template that the VM was to have, and what became of it; nil: there was to be none. With the device
    /// lock held.
    public var processTemplateReport: ProcessTemplateReport? { templates.reports.first }

    /// How long the end of a VM waits for a slow disk to take the rest of logs and exit records, in milliseconds. What it
    /// has not taken by then is lost.
    public static let maxDiskWait: UInt64 = 30_000

    /// The machine has ended: all who wait get an answer, and no container stays without an exit record. With the device
    /// lock held.
    public func conclude(_ end: MachineEnd) {
        lifecycle.conclude()
        for container in containers.all {
            _ = container.end(container.record(code: 255, reason: "its VM ended: \(end)"))
            _ = containers.remove(container)
            container.remove()
        }
        records.retry()
        disk.finish(withinMilliseconds: Self.maxDiskWait)
        control.closeAll()
    }
}

/// What the agent says by itself goes to the room that it is about.
extension Supervisor: AgentSession.Listener {
    func agentSaidHello(_ hello: Hello) { handshake.begin(hello) }

    func processExited(_ exited: Exited) {
        if exited.process == .initial, templates.ended(exited) { return }
        guard let container = containers[exited.container] else { return }
        guard exited.process == .initial else { return execution.noteEnd(exited, in: container) }
        let record = container.record(
            code: exited.status.code, outOfMemory: exited.oomKilled,
            reason: exited.oomKilled ? container.outOfMemoryReason(isForBaseMemory: exited.isForBaseMemory) : "")
        removal.end(container, record)
    }

    /// The container's end says that it ran out of memory, too; this comes also where it goes on.
    func containerRanOutOfMemory(_ event: OutOfMemory) {
        guard let container = containers[event.container] else { return }
        container.outOfMemoryCount &+= 1
        journal.note(.outOfMemory, "a container is at its limit of memory", container: container.id)
    }

    func zoneChanged(_ event: ZoneChanged) { zones.noteOnline(event) }

    func templateReached(_ event: TemplateReached) { templates.reached(event) }

    func memoryIsWanted(_ event: MemoryWanted) { elasticZones.memoryIsWanted(by: event.container) }

    func memoryIsReturned(_ event: MemoryReturned) {
        elasticZones.memoryIsReturned(by: event.container, leaving: event.onlineBytes)
    }

    func agentIsLost(_ reason: String) { lifecycle.agentIsLost(reason) }

    func agentIsSilent(_ reason: String) { lifecycle.fail(reason) }
}
