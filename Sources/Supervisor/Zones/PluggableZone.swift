import AgentProtocol
import ControlProtocol
import LinuxSystem
import Virtio
import Zones

/// A zone of this VM: its life, its device, and what waits for its next state. Protected by the device lock.
final class PluggableZone {
    /// How long the guest's driver may take to give memory back, or take more, in seconds. The plugging of a new
    /// container's zone is bounded by the container's creation.
    static let deadline: UInt64 = 30

    private(set) var life: ZoneLife
    private let device: MemoryDevice
    private let deadlines: Deadlines
    /// Called once: with true when as much is plugged as was asked for, with false when that will not be.
    private var onSettled: ((Bool) -> Void)?
    private var deadline: Deadlines.Token?
    /// A block came online while the agent was taking the others offline.
    private var hasLateBlock = false
    private var onLateBlock: (() -> Void)?
    private var stopwatch: ZoneStopwatch
    private let journal: EventJournal
    /// Called when it is to have more, or has more or less.
    var onSizeChange: () -> Void = {}

    init(_ device: MemoryDevice, _ deadlines: Deadlines, _ journal: EventJournal) {
        self.journal = journal
        self.device = device
        self.deadlines = deadlines
        life = ZoneLife(device.zone)
        stopwatch = ZoneStopwatch(node: device.zone.node)
    }

    /// How long its last coming and going took.
    var times: ZoneTimes { stopwatch.times }

    var zone: Zone { life.zone }

    /// absent → plugging; `onPlugged` is called when the guest has plugged all of it.
    ///
    /// - Parameter written: how much of it is expected to be written at once, in bytes.
    func plug(_ sizeInBytes: UInt64, expecting written: UInt64, onPlugged: @escaping () -> Void) throws {
        try life.plug(sizeInBytes)
        device.expect(writtenBytes: written)
        stopwatch.begin()
        onSettled = { [unowned self] isPlugged in
            guard isPlugged else { return }
            stopwatch.notePlugged()
            journal.add(.plug)
            onPlugged()
        }
        onSizeChange()
        try device.request(sizeInBytes: sizeInBytes)
    }

    /// plugging → online.
    func confirmOnline() {
        stopwatch.noteOnline()
        step { life throws(ZoneStateError) in try life.confirmOnline() }
    }

    /// The agent says how much of it is online: for the times, `confirmOnline` is what counts; and for a block of a zone
    /// that was growing when its container ended, which comes online behind the agent's back and has to go again.
    func noteOnline(_ sizeInBytes: UInt64) {
        switch life.state {
        case .plugging: if sizeInBytes == life.requestedSizeInBytes { stopwatch.noteOnline() }
        case .draining: hasLateBlock = true
        case .unplugging: onLateBlock?()
        case .absent, .online, .quarantined: break
        }
    }

    /// Whether it waits for the guest to plug or unplug memory.
    var isChanging: Bool { onSettled != nil }

    /// Asks for more while a container lives in the zone, which is not changing; `onSettled` is called with true when the
    /// guest has plugged all of it, with false when the deadline has passed or the zone is on its way out. Then no more
    /// is asked for than the guest has.
    func resize(_ sizeInBytes: UInt64, onSettled: @escaping (Bool) -> Void) throws {
        try life.resize(sizeInBytes)
        onSizeChange()
        try device.request(sizeInBytes: sizeInBytes)
        wait { [unowned self] isPlugged in
            if !isPlugged { askForNoMore() }
            onSettled(isPlugged)
        } onLate: { [unowned self] in
            settle(false)
        }
    }

    private func askForNoMore() {
        let plugged = life.pluggedSizeInBytes
        guard life.state == .online, plugged > 0 else { return }
        step { life throws(ZoneStateError) in try life.resize(plugged) }
        try? device.request(sizeInBytes: plugged)
    }

    /// online or plugging → draining: the agent empties the zone and takes it offline. The driver is asked at once: it
    /// unplugs nothing that is online, and all of it as soon as all is offline.
    func drain() {
        stopwatch.beginReturn()
        hasLateBlock = false
        step { life throws(ZoneStateError) in try life.drain() }
        settle(false)
        do { try device.request(sizeInBytes: 0) } catch { quarantine(.hostFailure) }
    }

    /// The agent has taken it offline, in these steps.
    func noteOffline(_ offline: ZoneOffline, after steps: [StepTiming]) {
        stopwatch.noteOffline(steps + offline.timings, pagesMigrated: offline.pagesMigrated)
    }

    /// draining → unplugging; `onReturned` is called once: when nothing is plugged any more and the host has the memory,
    /// or the zone is quarantined, at the latest when the deadline has passed.
    ///
    /// - Parameter onLateBlock: called for each block that came online after the rest was offline.
    func unplug(onLateBlock: @escaping () -> Void, onReturned: @escaping () -> Void) {
        step { life throws(ZoneStateError) in try life.unplug() }
        guard life.state == .unplugging else { return onReturned() }
        self.onLateBlock = onLateBlock
        wait { [unowned self] isAbsent in
            self.onLateBlock = nil
            if isAbsent {
                step { life throws(ZoneStateError) in try life.confirmAbsent() }
                if life.isFree { noteReturned() }
            }
            onReturned()
        } onLate: { [unowned self] in
            quarantine(.timeout)
        }
        settleIfReached()
        if hasLateBlock, life.state == .unplugging { onLateBlock() }
        hasLateBlock = false
    }

    private func noteReturned() {
        stopwatch.noteReturned()
        journal.add(.unplug)
    }

    /// Gives it up; what waits for it is called.
    func quarantine(_ reason: QuarantineReason) {
        let wasQuarantined = if case .quarantined = life.state { true } else { false }
        if (try? life.quarantine(reason)) != nil, !wasQuarantined { journal.noteQuarantine(of: zone, reason) }
        settle(false)
        onSizeChange()
    }

    /// The device says how much is plugged.
    func recordPlugged(_ sizeInBytes: UInt64) {
        do { try life.recordPlugged(sizeInBytes) } catch { return quarantine(.inconsistent) }
        guard life.isSettled else { return }
        settle(true)
        // Once for all blocks, and behind what waits for them: less needs no haste.
        onSizeChange()
    }

    // MARK: Waiting

    private func wait(_ onSettled: @escaping (Bool) -> Void, onLate: @escaping () -> Void) {
        self.onSettled = onSettled
        deadline = deadlines.after(seconds: Self.deadline, action: onLate)
    }

    private func settleIfReached() {
        if life.isSettled { settle(true) }
    }

    private func settle(_ isReached: Bool) {
        if let token = deadline { deadlines.cancel(token) }
        deadline = nil
        guard let settled = onSettled else { return }
        onSettled = nil
        settled(isReached)
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
