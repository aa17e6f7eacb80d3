import AgentProtocol
import ControlProtocol
import LinuxSystem
import Machine
import Memory
import Zones

/// What the agent says by itself.
extension Supervisor: AgentSession.Listener {
    func agentSaidHello(_ hello: Hello) {
        guard !hello.isSetUp else { return renew() }
        let setup = Setup(
            wallClock: WallClock.nanoseconds, entropy: RandomBytes.bytes(64), hostname: "czone",
            mostContainers: configuration.isAlone ? 1 : .max,
            zones: zones.map { keeper in
                ZoneDescription(
                    node: keeper.zone.node, base: keeper.zone.range.start.rawValue, sizeInBytes: keeper.zone.sizeInBytes
                )
            },
            images: machine.layout.images.enumerated().map { index, range in
                ImageDescription(device: UInt32(index), base: range.start.rawValue, sizeInBytes: range.sizeInBytes)
            })
        agent?.request(setup) { [unowned self] result in
            switch result {
            case .success: becomeReady()
            case .failure(let failure): machine.stop(.failed("the guest's agent could not set up: \(failure)"))
            }
        }
    }

    /// The guest was saved when it was set up, and goes on here. What it has of time and randomness is another's:
    /// nothing runs before both are its own.
    private func renew() {
        let renew = Renew(wallClock: WallClock.nanoseconds, entropy: RandomBytes.bytes(64))
        agent?.request(renew) { [unowned self] result in
            switch result {
            case .success: becomeReady()
            case .failure(let failure): machine.stop(.failed("the guest's agent could not go on: \(failure)"))
            }
        }
    }

    private func becomeReady() {
        guard state == .booting else { return }
        switch configuration.purpose {
        case .containers: break
        case .template: return settle()
        case .rehearsal:
            isSettled = true
            return machine.stop()
        }
        machine.noteBooted()
        state = .ready
        readyAt = MonotonicClock.nanoseconds
        let waiting = deferred
        deferred = []
        for action in waiting { action() }
    }

    private func settle() {
        agent?.request(Settle()) { [unowned self] result in
            switch result {
            case .success:
                isSettled = true
                machine.stop()
            case .failure(let failure): machine.stop(.failed("the guest does not come to rest: \(failure)"))
            }
        }
    }

    func processExited(_ exited: Exited) {
        guard let container = container(exited.container) else { return }
        guard exited.process == .initial else { return executedProcessExited(exited, in: container) }
        guard container.exit == nil else { return }
        let reason = exited.oomKilled ? Self.outOfMemoryReason(container) : ""
        container.end(
            record(of: container, code: exited.status.code, outOfMemory: exited.oomKilled, reason: reason))
        remove(container)
    }

    private static func outOfMemoryReason(_ container: Container) -> String {
        container.zone == nil
            ? "killed: it needed more than its limit of memory"
            : "killed: it needed more than its zone of \(container.zoneSizeInBytes >> 20) MiB"
    }

    private func executedProcessExited(_ exited: Exited, in container: Container) {
        guard let waiter = container.processes.removeValue(forKey: exited.process.rawValue) else { return }
        var record = record(of: container, code: exited.status.code, outOfMemory: false)
        record.process = exited.process.rawValue
        waiter.reply(.exited(record))
    }

    func containerRanOutOfMemory(_ event: OutOfMemory) {
        guard let container = container(event.container) else { return }
        container.outOfMemoryAt = WallClock.nanoseconds
    }

    func zoneChanged(_ event: ZoneChanged) {
        zones.first { $0.zone.node == event.node }?.noteOnline(event.onlineBytes)
    }

    func agentIsLost(_ reason: String) {
        // On a power-off the connection closes on its way; otherwise PID 1 is gone and the kernel about to panic.
        guard state != .stopping else { return }
        machine.stop(.failed("the guest's agent is lost: \(reason)"))
    }
}
