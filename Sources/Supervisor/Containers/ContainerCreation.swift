import AgentProtocol
import ControlProtocol
import Geometry
import LinuxSystem
import Zones

/// A container's way from the request to its first instruction. Protected by the device lock.
final class ContainerCreation {
    private let containers: ContainerTable
    private let lifecycle: VirtualMachineLifecycle
    private let agent: AgentSession
    private let zones: ZoneSet
    private let network: NetworkPorts.Source
    private let streams: ContainerStreams
    private let volumes: AttachedVolumes
    private let images: FurtherImages
    private let removal: ContainerRemoval
    private let records: ExitRecords
    private let templates: ProcessTemplates
    private let elasticZones: ElasticZones
    private let journal: EventJournal

    init(
        _ containers: ContainerTable, _ lifecycle: VirtualMachineLifecycle, _ agent: AgentSession, _ zones: ZoneSet,
        _ network: NetworkPorts.Source, _ streams: ContainerStreams, _ volumes: AttachedVolumes,
        _ images: FurtherImages, _ removal: ContainerRemoval, _ records: ExitRecords, _ templates: ProcessTemplates,
        _ elasticZones: ElasticZones, _ journal: EventJournal
    ) {
        self.containers = containers
        self.lifecycle = lifecycle
        self.agent = agent
        self.zones = zones
        self.network = network
        self.streams = streams
        self.volumes = volumes
        self.images = images
        self.removal = removal
        self.records = records
        self.templates = templates
        self.elasticZones = elasticZones
        self.journal = journal
    }

    // MARK: A request

    /// Gives a container its zone and has the agent make it.
    ///
    /// - Parameter sandbox: the id of the container whose namespaces it may join; empty for none.
    func create(
        _ request: RunRequest, in sandbox: String = "", startsAtOnce: Bool, _ caller: ControlCaller
    ) throws(Refusal) {
        // What the container does not take is nobody's.
        defer { volumes.drop(for: request.id, of: caller) }
        var passed = try PassedFiles(request, of: caller)
        try admit(request)
        var create = request.create
        try join(&create.specification.namespaces, to: sandbox)
        let zone = try zones.findFree(request.zoneSizeInBytes)
        let container = HostedContainer(
            id: request.id, number: containers.takeNumber(), zone: zone, zoneSizeInBytes: request.zoneSizeInBytes,
            startsAtOnce: startsAtOnce,
            endsWithConnection: request.endsWithConnection, caller: caller,
            exitRecordFile: passed.take(.exitRecord).map { records.open($0) })
        container.elasticity = zone.flatMap { Elasticity(request, in: $0.zone) }
        container.warmth = templates.order(for: request)
        if let warmStart = request.warmStart {
            create.specification.files.append(warmStart.environmentFile(for: create.specification))
        }
        try furnish(container, &create.specification, &passed)
        containers.insert(container)
        lifecycle.containersChanged()
        caller.reply(.accepted(container: request.id, zone: container.zone?.zone.node ?? 0))
        complete(&create, for: container)
        lifecycle.whenReady { [unowned self] in
            images.whenMounted(container.images) { [unowned self] failure in
                if let failure { removal.giveUp(container, failure) } else { make(container, create) }
            }
        }
    }

    private func admit(_ request: RunRequest) throws(Refusal) {
        guard lifecycle.state != .stopping else { throw Refusal(.full, "the VM is stopping") }
        guard !lifecycle.isAlone || !containers.hasHadAny else {
            throw Refusal(.full, "the VM is another container's")
        }
        guard !request.id.isEmpty else { throw Refusal(.invalid, "a container's id is empty") }
        guard containers[request.id] == nil else { throw Refusal(.exists, "the container \(request.id) exists") }
        guard containers.count < Limits.containers else {
            throw Refusal(.full, "the VM has \(containers.count) containers")
        }
    }

    /// Puts the sandbox's number into every choice of another container's namespace. Which number a client wrote there
    /// is of no meaning: it can name no container but a sandbox by its id.
    private func join(_ namespaces: inout Namespaces, to sandbox: String) throws(Refusal) {
        var number: ContainerNumber?
        if !sandbox.isEmpty {
            guard let container = containers[sandbox], container.life.hasProcess else {
                throw Refusal(.notFound, "no sandbox \(sandbox) runs in this VM")
            }
            number = container.number
        }
        for path in [\Namespaces.process, \.network, \.ipc, \.hostName, \.controlGroup] {
            guard case .container = namespaces[keyPath: path] else { continue }
            guard let number else {
                throw Refusal(.notFound, "a namespace of a sandbox is asked for, and no sandbox named")
            }
            namespaces[keyPath: path] = .container(number)
        }
    }

    /// Interfaces, volumes, streams and the zone: all of them or none.
    private func furnish(
        _ container: HostedContainer, _ specification: inout ContainerSpecification, _ passed: inout PassedFiles
    ) throws(Refusal) {
        do { container.ports = try network.open(for: &specification.interfaces, passed.taps) } catch {
            // In another VM nobody may have the address.
            throw Refusal(.full, "\(error)")
        }
        do {
            try volumes.take(for: container, &specification)
            container.images = try images.hold(for: specification.root.layers)
            specification.process.streams = try streams.connect(&passed, of: container)
            try plug(container)
        } catch {
            container.ports.close()
            streams.forget(specification.process.streams)
            volumes.detach(from: container)
            images.release(container.images)
            if container.zone?.life.state != .absent { container.zone?.quarantine(.hostFailure) }
            throw Refusal(.failed, "\(error)")
        }
    }

    private func plug(_ container: HostedContainer) throws {
        // Where it is not plugged, the agent says so, or does not answer in time.
        let written = templates.expectedBytes(of: container)
        try container.zone?.plug(container.zoneSizeInBytes, expecting: written) { [weak container] in
            container?.pluggedAt = MonotonicClock.nanoseconds
        }
    }

    /// Fills in what is the VM's to say.
    private func complete(_ create: inout CreateContainer, for container: HostedContainer) {
        create.container = container.number
        create.node = container.zone?.zone.node ?? 0
        create.zoneBytes = container.zone == nil ? 0 : container.zoneSizeInBytes
        create.maxZoneBytes = container.elasticity?.maxInBytes ?? 0
        create.zoneTimeout = AgentSession.agentTimeoutInMilliseconds
        create.start = container.startsAtOnce
        create.specification.limitMemory(to: max(container.zoneSizeInBytes, create.maxZoneBytes))
    }

    // MARK: The agent's answers

    private func make(_ container: HostedContainer, _ create: CreateContainer) {
        let ports = create.specification.process.streams
        var create = create
        create.origin = templates.chooseOrigin(for: container)
        container.askedAgentAt = MonotonicClock.nanoseconds
        agent.request(create) { [unowned self] result in
            switch result {
            case .success(let started): noteCreation(of: container, started)
            case .failure(let failure):
                streams.forget(ports)
                removal.giveUp(container, failure)
            }
        }
    }

    /// Its first process is there; one that starts at once runs. Nothing changes where it has ended meanwhile: its zone
    /// is on its way back.
    private func noteCreation(of container: HostedContainer, _ process: ProcessStarted) {
        let isMade = container.step { life throws(ContainerStateError) in
            if container.startsAtOnce { try life.confirmRunning() } else { try life.confirmCreated() }
        }
        guard isMade else { return }
        container.guestProcessID = process.processID
        container.zone?.confirmOnline()
        if let zone = container.zone { elasticZones.goOn(container, zone) }
        // Of one that waits for its start it is not known yet that it is a copy.
        if container.startsAtOnce || !process.refusal.isEmpty { templates.note(process.refusal, for: container) }
        guard container.startsAtOnce else { return container.caller.reply(.done) }
        container.caller.reply(.started(started(container, since: container.requestedAt, process.timings)))
        templates.noteRunning(container)
    }

    /// Has the program of a container executed that was made without.
    func start(_ id: String, _ caller: ControlCaller) throws(Refusal) {
        let container = try containers.existing(id)
        guard container.step({ life throws(ContainerStateError) in try life.start() }) else {
            throw Refusal(.wrongState, "the container \(id) does not wait for its start: it is \(container.life.state)")
        }
        let askedAt = MonotonicClock.nanoseconds
        agent.request(StartContainer(container: container.number)) { [unowned self] result in
            switch result {
            case .success(let process):
                container.guestProcessID = process.processID
                container.step { life throws(ContainerStateError) in try life.confirmRunning() }
                templates.note(process.refusal, for: container)
                caller.reply(.started(started(container, since: askedAt, process.timings)))
                templates.noteRunning(container)
            case .failure(let failure):
                caller.reply(.refused(failure.refusal))
                removal.end(container, container.record(code: failure.exitCode, reason: "\(failure)"))
            }
        }
    }

    private func started(
        _ container: HostedContainer, since askedAt: UInt64, _ timings: [StepTiming]
    ) -> Started {
        let whole = (MonotonicClock.nanoseconds - askedAt) / 1000
        // Of a container that was made before, the zone and the mounts are not this request's.
        let ready = max(container.askedAgentAt, askedAt)
        let stages = StartStages(
            whole: whole, monitor: (ready - askedAt) / 1000, plug: (max(container.pluggedAt, ready) - ready) / 1000,
            mounts: container.startsAtOnce ? timings.microseconds(of: .mounts) : 0,
            exec: timings.microseconds(of: .exec))
        journal.noteStart(of: container.id, stages)
        return Started(
            container: container.id, process: 0, guestProcessID: container.guestProcessID,
            plugMicroseconds: container.plugMicroseconds, totalMicroseconds: whole,
            isCopy: container.warmth?.template != nil, stages: stages)
    }
}

extension ContainerSpecification {
    /// A container is killed at its limit, a little before its zone is full: cleanly, and nobody else. Of a zone that
    /// grows the agent knows the size that it has.
    fileprivate mutating func limitMemory(to zoneSizeInBytes: UInt64) {
        guard zoneSizeInBytes > ZoneGeometry.headroomInBytes else { return }
        let max = ZoneGeometry.maxMemoryLimit(inZoneOf: zoneSizeInBytes)
        limits.memoryMax = min(limits.memoryMax ?? max, max)
    }
}
