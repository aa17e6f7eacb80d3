// A container's end: kill → reaped, its mounts gone with its last process → its streams drained → its zone looked at and
// taken offline → its group removed. Each step begins when an event says that the one before is done. The end of its
// first process begins it, so that the host's word to delete it finds the work under way.

extension Agent {
    /// How long an end may take that the host has not asked for yet, in milliseconds.
    private static let ownPatience: UInt32 = 60_000

    /// The container's first process has ended: all else of it goes.
    func beginEnd(of container: Container) {
        guard container.deletion == nil else { return }
        // Should it fail, the host hears of it when it asks.
        try? begin(Deletion(offlineZone: true, timeout: Self.ownPatience), of: container)
    }

    func delete(_ request: DeleteContainer, _ caller: Caller) throws(Failure) {
        let container = try container(request.container)
        if let deletion = container.deletion, deletion.caller != nil {
            let text = "delete \(request.container.description): it is being deleted"
            throw Failure(code: ErrorNumber.busy, step: .request, text: text)
        }
        if container.deletion == nil {
            try begin(Deletion(offlineZone: request.offlineZone, timeout: request.timeout), of: container)
        }
        guard let deletion = container.deletion else { return }
        deletion.caller = caller
        guard deletion.result == nil else { return answer(deletion, of: container) }
        guard !deletion.isRemoved else { return }
        // Half of the time is for streams whose host end is slow; then they are cut, for they may hold pages of the zone.
        deletion.deadline = loop.after(milliseconds: request.timeout / 2) { [self] in deletionIsLate(container) }
    }

    private func begin(_ deletion: Deletion, of container: Container) throws(Failure) {
        try container.group.kill()
        container.deletion = deletion
        deletion.stopwatch.lap(.kill)
        advanceDeletion(of: container)
    }

    private func deletionIsLate(_ container: Container) {
        guard let deletion = container.deletion, let caller = deletion.caller else { return }
        deletion.deadline = nil
        for pump in container.outputs { pump.finish() }
        container.outputs = []
        advanceDeletion(of: container)
        guard !deletion.isRemoved else { return }
        // What cannot be killed hangs in the kernel. The host may try again.
        container.deletion = nil
        let text = "end \(container.number.description): processes \(processIDs(of: container)) do not die"
        connection?.reply(Failure(code: ErrorNumber.timedOut, step: .reap, text: text), to: caller)
    }

    /// Goes on with a deletion as far as it can.
    func advanceDeletion(of container: Container) {
        guard let deletion = container.deletion, !deletion.isRemoved else { return }
        guard container.processes.isEmpty, !container.group.isPopulated else { return }
        if !deletion.isReaped {
            deletion.isReaped = true
            deletion.stopwatch.lap(.reap)
        }
        guard container.outputs.isEmpty else { return }
        deletion.stopwatch.lap(.streams)
        deletion.isRemoved = true
        if let deadline = deletion.deadline { loop.cancel(deadline) }
        container.group.unwatch(loop: loop)
        guard deletion.offlineZone, let zone = zones[container.node] else {
            return finish(container, deletion, .success(nil))
        }
        let now = Kernel.monotonicTime
        let left = deletion.end > now ? UInt32(truncatingIfNeeded: (deletion.end - now) / 1_000_000) : 1
        do throws(Failure) {
            try empty(zone, group: container.group, timeout: max(left, 1)) { [self] result in
                finish(container, deletion, result.map { $0 })
            }
        } catch {
            finish(container, deletion, .failure(error))
        }
    }

    private func finish(_ container: Container, _ deletion: Deletion, _ result: Result<ZoneOffline?, Failure>) {
        deletion.result = result
        answer(deletion, of: container)
    }

    /// Tells the host, if it has asked and all is done. The group goes after that: the host need not wait for it.
    private func answer(_ deletion: Deletion, of container: Container) {
        guard let caller = deletion.caller, let result = deletion.result else { return }
        switch result {
        case .success(let outcome):
            let reply = ContainerDeleted(zone: outcome, timings: deletion.stopwatch.timings)
            connection?.reply(reply, to: caller)
        case .failure(let failure): connection?.reply(failure, to: caller)
        }
        forget(container)
    }

    /// Looks whether a zone is empty and takes it offline. The group is the container's that was in it.
    func empty(
        _ zone: Zone, group: ControlGroup?, timeout: UInt32,
        _ done: @escaping (Result<ZoneOffline, Failure>) -> Void
    ) throws(Failure) {
        zones.takeEvents()
        let clearance = ZoneClearance(zone: zone, group: group)
        if let outcome = clearance.runAtOnce() { return done(.success(outcome)) }
        zones.takeEvents()
        // The worker's own alarm comes first, so that it can tell how far it came.
        try work(timeout: timeout + 1000, group: group, { clearance.run(timeout: timeout) }) { bytes in
            var decoder = MessageDecoder(bytes)
            guard let outcome = try? ZoneOffline(decoding: &decoder) else {
                let text = "take node \(zone.description.node) offline: the worker was killed"
                return done(.failure(Failure(code: ErrorNumber.timedOut, step: .zoneOffline, text: text)))
            }
            done(.success(outcome))
        }
    }
}

/// The work of emptying a zone.
struct ZoneClearance {
    /// Pages by which a node's counters may be too high: each processor keeps up to 125 to itself (mm/vmstat.c). The
    /// container being gone, its zone counts as empty below that; pages that were there after all are moved when the
    /// blocks go offline, and told of as `pagesMigrated`.
    static let counterLag: UInt64 = 500
    /// How long the agent does nothing else while a zone goes, in milliseconds.
    static let patience: UInt32 = 50

    let zone: Zone
    let group: ControlGroup?
    private let migratedBefore: UInt64

    init(zone: Zone, group: ControlGroup?) {
        self.zone = zone
        self.group = group
        migratedBefore = ZoneClearance.pagesMigrated
    }

    /// Takes a zone that is empty offline, as nearly all are when their containers have ended: it takes the kernel about
    /// as long as making a process that waits for it. Nil where it is not empty, or the kernel takes longer.
    func runAtOnce() -> ZoneOffline? {
        var stopwatch = Stopwatch()
        var outcome = notYet
        look(&outcome)
        stopwatch.lap(.zoneEmpty)
        guard isEmpty(outcome) else { return nil }
        Kernel.setAlarm(milliseconds: ZoneClearance.patience)
        offline(&outcome, &stopwatch)
        Kernel.cancelAlarm()
        return outcome.code == ErrorNumber.timedOut ? nil : finished(outcome, stopwatch)
    }

    /// Empties a zone and takes it offline, in a process of its own: the kernel takes its time. The result is an encoded
    /// `ZoneOffline`.
    func run(timeout: UInt32) -> [UInt8] {
        var stopwatch = Stopwatch()
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
        stopwatch.lap(.zoneEmpty)
        if isEmpty(outcome) { offline(&outcome, &stopwatch) }
        var encoder = MessageEncoder()
        finished(outcome, stopwatch).encode(into: &encoder)
        return encoder.bytes
    }

    private var notYet: ZoneOffline {
        ZoneOffline(
            onlineBytes: zone.onlineBytes, anonymousPages: 0, filePages: 0, sharedPages: 0, code: 0, pagesMigrated: 0,
            timings: [])
    }

    private func finished(_ outcome: ZoneOffline, _ stopwatch: Stopwatch) -> ZoneOffline {
        var outcome = outcome
        if outcome.isOffline { (outcome.anonymousPages, outcome.filePages, outcome.sharedPages) = (0, 0, 0) }
        outcome.pagesMigrated = ZoneClearance.pagesMigrated &- migratedBefore
        outcome.timings = stopwatch.timings
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
    private func offline(_ outcome: inout ZoneOffline, _ stopwatch: inout Stopwatch) {
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
            stopwatch.lap(.zoneOffline)
            if outcome.code == ErrorNumber.timedOut { return }
        }
    }

    private static var pagesMigrated: UInt64 { TextFile("/proc/vmstat").number(after: "pgmigrate_success") }
}
