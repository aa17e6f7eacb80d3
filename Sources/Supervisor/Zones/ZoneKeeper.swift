import AgentProtocol
import ControlProtocol
import LinuxSystem
import Virtio
import Zones

/// A zone of this VM: its life, its device, and who waits for its next state. Protected by the device lock.
final class ZoneKeeper {
    private(set) var life: ZoneLife
    private let device: MemoryDevice
    /// Called once, when as much is plugged as was asked for.
    private var onSettled: (() -> Void)?
    private var stopwatch: ZoneStopwatch

    init(_ device: MemoryDevice) {
        self.device = device
        life = ZoneLife(device.zone)
        stopwatch = ZoneStopwatch(node: device.zone.node)
    }

    /// How long its last coming and going took.
    var times: ZoneTimes { stopwatch.times }

    var zone: Zone { life.zone }

    /// absent → plugging; `onPlugged` is called when the guest has plugged all of it.
    func plug(_ sizeInBytes: UInt64, onPlugged: @escaping () -> Void) throws {
        try life.plug(sizeInBytes)
        stopwatch.begin()
        onSettled = { [self] in
            stopwatch.notePlugged()
            onPlugged()
        }
        try device.request(sizeInBytes: sizeInBytes)
    }

    /// plugging → online.
    func confirmOnline() {
        stopwatch.noteOnline()
        step { life throws(ZoneStateError) in try life.confirmOnline() }
    }

    /// The agent says how much of it is online: for the times only, `confirmOnline` is what counts.
    func noteOnline(_ sizeInBytes: UInt64) {
        if life.state == .plugging, sizeInBytes == life.requestedSizeInBytes { stopwatch.noteOnline() }
    }

    /// Asks for more while a container lives in the zone; `onPlugged` is called when the guest has plugged all of it.
    func resize(_ sizeInBytes: UInt64, onPlugged: @escaping () -> Void) throws {
        try life.resize(sizeInBytes)
        onSettled = onPlugged
        try device.request(sizeInBytes: sizeInBytes)
    }

    /// online or plugging → draining: the agent empties the zone and takes it offline. The driver is told at once: it
    /// unplugs nothing that is online, and all of it as soon as all is offline.
    func drain() {
        onSettled = nil
        stopwatch.beginReturn()
        step { life throws(ZoneStateError) in try life.drain() }
        do { try device.request(sizeInBytes: 0) } catch { quarantine(.hostFailure) }
    }

    /// The agent has taken it offline, in these steps.
    func noteOffline(_ offline: ZoneOffline, after steps: [StepTiming]) {
        stopwatch.noteOffline(steps + offline.timings, pagesMigrated: offline.pagesMigrated)
    }

    /// draining → unplugging; `onAbsent` is called when nothing is plugged any more and the host has the memory.
    func unplug(onAbsent: @escaping () -> Void) {
        step { life throws(ZoneStateError) in try life.unplug() }
        guard life.state == .unplugging else { return onAbsent() }
        onSettled = { [self] in
            step { life throws(ZoneStateError) in try life.confirmAbsent() }
            if life.isFree { stopwatch.noteReturned() }
            onAbsent()
        }
        settle()
    }

    func quarantine(_ reason: QuarantineReason) {
        onSettled = nil
        try? life.quarantine(reason)
    }

    /// The device says how much is plugged.
    func recordPlugged(_ sizeInBytes: UInt64) {
        do { try life.recordPlugged(sizeInBytes) } catch { return quarantine(.inconsistent) }
        settle()
    }

    private func settle() {
        guard life.isSettled, let settled = onSettled else { return }
        onSettled = nil
        settled()
    }

    /// A step that the state does not allow means that the guest and the host disagree: the zone is used no more.
    private func step(_ change: (inout ZoneLife) throws(ZoneStateError) -> Void) {
        do { try change(&life) } catch { quarantine(.inconsistent) }
    }
}

extension ZoneState {
    var report: ZoneReport.State {
        switch self {
        case .absent: .absent
        case .plugging: .plugging
        case .online: .online
        case .draining: .draining
        case .unplugging: .unplugging
        case .quarantined: .quarantined
        }
    }
}
