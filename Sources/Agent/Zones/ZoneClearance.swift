import Geometry

/// The work of emptying a zone.
struct ZoneClearance {
    /// Pages by which a node's counters may be too high: each processor keeps up to 125 to itself (mm/vmstat.c). The
    /// container being gone, its zone counts as empty below that; pages that were there after all are moved when the
    /// blocks go offline, and reported as `pagesMigrated`.
    static let counterLag: UInt64 = 500
    /// How long the agent does nothing else while a zone goes, in milliseconds.
    static let maxBlocking: UInt32 = 50

    let zone: GuestZone
    let group: ControlGroup?
    private let migratedBefore: UInt64

    init(zone: GuestZone, group: ControlGroup?) {
        self.zone = zone
        self.group = group
        migratedBefore = ZoneClearance.pagesMigrated
    }

    /// Takes a zone that is empty offline, as nearly all are when their containers have ended: it takes the kernel
    /// about as long as making a process that waits for it. Nil where it is not empty, or the kernel takes longer.
    func runAtOnce() -> ZoneOffline? {
        var timer = StepTimer()
        var outcome = notYet
        look(&outcome)
        timer.lap(.zoneEmpty)
        guard isEmpty(outcome) else { return nil }
        Kernel.setAlarm(milliseconds: ZoneClearance.maxBlocking)
        offline(&outcome, &timer)
        Kernel.cancelAlarm()
        return outcome.code == ErrorNumber.timedOut ? nil : finished(outcome, timer)
    }

    /// Empties a zone and takes it offline, in a process of its own: the kernel takes its time. The result is an
    /// encoded `ZoneOffline`.
    func run(timeout: UInt32) -> [UInt8] {
        var timer = StepTimer()
        var outcome = notYet
        Kernel.setAlarm(milliseconds: timeout)
        look(&outcome)
        if outcome.filePages > ZoneClearance.counterLag, let group {
            // Clean cache that no one uses. Asked for more than there is, the kernel says EAGAIN.
            try? group.set("memory.reclaim", "\(outcome.filePages * 4096)")
            look(&outcome)
        }
        if !isEmpty(outcome) {
            // Bringing the counters up to date takes a task on each processor, so it is done in doubt only.
            try? writeValue("1", to: "/proc/sys/vm/stat_refresh", .zoneEmpty)
            look(&outcome)
        }
        timer.lap(.zoneEmpty)
        if isEmpty(outcome) { offline(&outcome, &timer) }
        var encoder = MessageEncoder()
        finished(outcome, timer).encode(into: &encoder)
        return encoder.bytes
    }

    private var notYet: ZoneOffline {
        ZoneOffline(
            onlineBytes: zone.onlineBytes, anonymousPages: 0, filePages: 0, sharedPages: 0, code: 0, pagesMigrated: 0,
            timings: [])
    }

    private func finished(_ outcome: ZoneOffline, _ timer: StepTimer) -> ZoneOffline {
        var outcome = outcome
        if outcome.isOffline { (outcome.anonymousPages, outcome.filePages, outcome.sharedPages) = (0, 0, 0) }
        outcome.pagesMigrated = ZoneClearance.pagesMigrated &- migratedBefore
        outcome.timings = timer.timings
        return outcome
    }

    private func isEmpty(_ outcome: ZoneOffline) -> Bool {
        max(outcome.anonymousPages, outcome.filePages, outcome.sharedPages) <= ZoneClearance.counterLag
    }

    private func look(_ outcome: inout ZoneOffline) {
        let text = TextFile("/sys/devices/system/node/node\(zone.description.node)/vmstat")
        outcome.anonymousPages = text.number(after: "nr_active_anon") + text.number(after: "nr_inactive_anon")
        outcome.filePages = text.number(after: "nr_active_file") + text.number(after: "nr_inactive_file")
        outcome.sharedPages = text.number(after: "nr_shmem")
    }

    /// From the last block down, as the device unplugs them.
    private func offline(_ outcome: inout ZoneOffline, _ timer: inout StepTimer) {
        let blocks = zone.onlineBlocks
        let blockSize = blocks.isEmpty ? 0 : zone.onlineBytes / UInt64(blocks.count)
        for block in blocks.reversed() {
            do throws(Failure) {
                try writeValue("offline", to: "/sys/devices/system/memory/memory\(block)/state", .zoneOffline)
                outcome.onlineBytes -= blockSize
            } catch {
                // Interrupted by the alarm: pages that do not move.
                outcome.code = error.code == ErrorNumber.interrupted ? ErrorNumber.timedOut : error.code
            }
            timer.lap(.zoneOffline)
            if outcome.code == ErrorNumber.timedOut { return }
        }
    }

    private static var pagesMigrated: UInt64 { TextFile("/proc/vmstat").number(after: "pgmigrate_success") }
}
