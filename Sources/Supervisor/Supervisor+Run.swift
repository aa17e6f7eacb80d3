import AgentProtocol
import ControlProtocol
import LinuxSystem
import Zones

/// A container's way from the request to its first instruction.
extension Supervisor {
    func run(_ request: RunRequest, in sandbox: String = "", starts: Bool = true, _ waiter: Waiter) {
        guard let passed = waiter.connection?.takeDescriptors(request.descriptorCount) else {
            return waiter.refuse(.invalid, "\(request.descriptorCount) descriptors were announced and did not come")
        }
        guard state != .stopping else { return waiter.refuse(.full, "the VM is stopping") }
        guard !configuration.isAlone || !hasHadContainer else {
            return waiter.refuse(.full, "the VM is another container's")
        }
        guard !request.id.isEmpty else { return waiter.refuse(.invalid, "a container's id is empty") }
        guard containers[request.id] == nil else { return waiter.refuse(.exists, "the container \(request.id) exists") }
        guard containers.count < Limits.containers else {
            return waiter.refuse(.full, "the VM has \(containers.count) containers")
        }
        var descriptors = Descriptors(request.descriptors, passed)
        var create = request.create
        do { try join(&create.specification.namespaces, to: sandbox) } catch {
            return waiter.refuse(.notFound, error.description)
        }
        let keeper: ZoneKeeper?
        do { keeper = try findZone(request.zoneSizeInBytes) } catch {
            if case .tooLarge = error { return waiter.refuse(.invalid, "\(error)") }
            return waiter.refuse(.full, "\(error)")
        }
        let container = Container(
            id: request.id, number: nextContainerNumber(), zone: keeper, zoneSizeInBytes: request.zoneSizeInBytes,
            starter: waiter, endsWithConnection: request.endsWithConnection,
            exitRecordFile: descriptors.take(.exitRecord))
        container.awaitsStart = !starts
        do {
            try openPorts(
                for: &create.specification.interfaces, Array(passed.dropFirst(request.descriptors.count)), of: container
            )
        } catch {
            // In another VM nobody may have the address.
            return waiter.refuse(.full, "\(error)")
        }
        do {
            try takeVolumes(for: container, waiter.connection, &create.specification)
            create.specification.process.streams = try connectStreams(&descriptors, of: container)
            try plug(container)
        } catch {
            container.closePorts()
            forgetStreams(create.specification.process.streams)
            detachVolumes(of: container)
            if container.zone?.life.state != .absent { container.zone?.quarantine(.hostFailure) }
            return waiter.refuse(.failed, "\(error)")
        }
        containers[request.id] = container
        noteIdleness()
        waiter.reply(.accepted(container: request.id, zone: keeper?.zone.node ?? 0))
        complete(&create, for: container)
        whenReady { [self] in self.create(container, create) }
    }

    /// The zone for so many bytes; nil for none.
    private func findZone(_ sizeInBytes: UInt64) throws(PlugPlanError) -> ZoneKeeper? {
        guard sizeInBytes > 0 else { return nil }
        return zones[try PlugPlan(forBytes: sizeInBytes, in: zones.map(\.life)).zone.index]
    }

    private func plug(_ container: Container) throws {
        try container.zone?.plug(container.zoneSizeInBytes) { [weak container] in
            container?.pluggedAt = MonotonicClock.nanoseconds
        }
    }

    /// Fills in what is the VM's to say.
    private func complete(_ create: inout CreateContainer, for container: Container) {
        create.container = container.number
        create.node = container.zone?.zone.node ?? 0
        create.zoneBytes = container.zone == nil ? 0 : container.zoneSizeInBytes
        create.zoneTimeout = Self.agentPatience
        create.start = !container.awaitsStart
        create.specification.limitMemory(to: container.zoneSizeInBytes)
    }

    func whenReady(_ action: @escaping () -> Void) {
        if state == .booting { deferred.append(action) } else { action() }
    }

    private func create(_ container: Container, _ create: CreateContainer) {
        let streams = create.specification.process.streams
        agent?.request(create) { [self] result in
            switch result {
            case .success(let made) where container.awaitsStart: noteCreation(of: container, made)
            case .success(let started): noteStart(of: container, started)
            case .failure(let failure):
                forgetStreams(streams)
                giveUp(container, failure)
            }
        }
    }

    private func noteStart(of container: Container, _ started: ProcessStarted) {
        // It has ended meanwhile, and its zone is on its way back.
        guard container.exit == nil else { return }
        container.guestProcessID = started.processID
        container.isMade = true
        if container.state == .starting { container.state = .running }
        container.zone?.confirmOnline()
        let now = MonotonicClock.nanoseconds
        container.starter.reply(
            .started(
                Started(
                    container: container.id, process: 0, guestProcessID: started.processID,
                    plugMicroseconds: (max(container.pluggedAt, container.requestedAt) - container.requestedAt) / 1000,
                    totalMicroseconds: (now - container.requestedAt) / 1000)))
    }

    /// The container could not be made: its zone goes back as after an end.
    private func giveUp(_ container: Container, _ failure: AgentFailure) {
        guard container.exit == nil else { return }
        container.closePorts()
        container.starter.reply(.refused(failure.refusal))
        container.endQuietly(record(of: container, code: failure.exitCode, reason: "\(failure)"))
        drain(container, failure: failure)
    }
}

extension AgentFailure {
    var refusal: Refusal {
        let reason: Refusal.Reason =
            switch self {
            case .refused(let failure) where failure.exitCode == 127: .programNotFound
            case .refused(let failure) where failure.exitCode != nil: .programNotRunnable
            case .refused, .malformed: .guestFailed
            case .lost: .lost
            case .timeout: .late
            }
        return Refusal(reason, code: code, "\(self)")
    }

    /// What a shell would exit with: 127 not found, 126 not to be run, else 1.
    var exitCode: UInt8 {
        if case .refused(let failure) = self { return failure.exitCode ?? 1 }
        return 1
    }
}

extension ContainerSpecification {
    /// A container is killed at its limit, a little before its zone is full: cleanly, and nobody else.
    fileprivate mutating func limitMemory(to zoneSizeInBytes: UInt64) {
        guard zoneSizeInBytes > PlugPlan.headroomInBytes else { return }
        let most = zoneSizeInBytes - PlugPlan.headroomInBytes
        limits.memoryMax = min(limits.memoryMax ?? most, most)
    }
}
