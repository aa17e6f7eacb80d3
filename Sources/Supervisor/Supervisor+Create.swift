import AgentProtocol
import ControlProtocol
import LinuxSystem
import Zones

/// Containers that are made first and started later, alone or in a pod.
extension Supervisor {
    /// A request named a sandbox that this VM does not have.
    struct NoSandbox: Error, CustomStringConvertible {
        let description: String
    }

    /// Puts the sandbox's number into every choice of another container's namespace. Which number a client wrote there
    /// is of no meaning: it can name no container but a sandbox by its id.
    func join(_ namespaces: inout Namespaces, to sandbox: String) throws(NoSandbox) {
        var number: ContainerNumber?
        if !sandbox.isEmpty {
            guard let container = containers[sandbox], container.isMade, container.exit == nil else {
                throw NoSandbox(description: "no sandbox \(sandbox) runs in this VM")
            }
            number = container.number
        }
        for path in [\Namespaces.process, \.network, \.ipc, \.hostName, \.controlGroup] {
            guard case .container = namespaces[keyPath: path] else { continue }
            guard let number else {
                throw NoSandbox(description: "a namespace of a sandbox is asked for, and no sandbox named")
            }
            namespaces[keyPath: path] = .container(number)
        }
    }

    func noteCreation(of container: Container, _ made: ProcessStarted) {
        // It has ended meanwhile, and its zone is on its way back.
        guard container.exit == nil else { return }
        container.guestProcessID = made.processID
        container.isMade = true
        container.zone?.confirmOnline()
        container.starter.reply(.done)
    }

    /// The container with this id, if its first process is there; else the waiter is told.
    func made(_ id: String, _ waiter: Waiter) -> Container? {
        if let container = containers[id], container.isMade, container.exit == nil { return container }
        return running(id, waiter)
    }

    func start(_ id: String, _ waiter: Waiter) {
        guard let container = containers[id] else { return waiter.refuse(.notFound, "no container \(id) in this VM") }
        guard container.awaitsStart, container.isMade, container.exit == nil else {
            return waiter.refuse(.wrongState, "the container \(id) does not wait for its start")
        }
        container.awaitsStart = false
        let askedAt = MonotonicClock.nanoseconds
        agent?.request(StartContainer(container: container.number)) { [self] result in
            switch result {
            case .success(let started):
                container.guestProcessID = started.processID
                if container.state == .starting { container.state = .running }
                let (plugged, asked) = (max(container.pluggedAt, container.requestedAt), container.requestedAt)
                waiter.reply(
                    .started(
                        Started(
                            container: id, process: 0, guestProcessID: started.processID,
                            plugMicroseconds: (plugged - asked) / 1000,
                            totalMicroseconds: (MonotonicClock.nanoseconds - askedAt) / 1000)))
            case .failure(let failure):
                waiter.reply(.refused(failure.refusal))
                container.end(record(of: container, code: failure.exitCode, reason: "\(failure)"))
                remove(container)
            }
        }
    }

    // MARK: the zone's size

    /// Plugs more of a container's zone. Less is refused: Linux would move the pages of the blocks that go to another
    /// node, out of the zone.
    func resizeZone(of id: String, to sizeInBytes: UInt64, _ waiter: Waiter) {
        guard let container = running(id, waiter) else { return }
        guard let zone = container.zone else {
            return waiter.refuse(.wrongState, "the container \(id) has no zone")
        }
        let plugged = zone.life.pluggedSizeInBytes
        guard sizeInBytes >= plugged else {
            return waiter.refuse(
                .wrongState,
                "the zone of \(id) cannot shrink from \(plugged >> 20) to \(sizeInBytes >> 20) MiB while it is used")
        }
        guard sizeInBytes > plugged else { return waiter.reply(.done) }
        do {
            try zone.resize(sizeInBytes) { [self] in confirmGrowth(of: container, zone, to: sizeInBytes, waiter) }
        } catch {
            waiter.refuse(.invalid, "the zone of \(id): \(error)")
        }
    }

    private func confirmGrowth(of container: Container, _ zone: ZoneKeeper, to sizeInBytes: UInt64, _ waiter: Waiter) {
        guard container.exit == nil else {
            return waiter.refuse(.wrongState, "the container \(container.id) has ended")
        }
        let request = OnlineZone(node: zone.zone.node, sizeInBytes: sizeInBytes, timeout: Self.agentPatience)
        agent?.request(request) { waiter.answer($0) { _ in .done } }
    }
}
