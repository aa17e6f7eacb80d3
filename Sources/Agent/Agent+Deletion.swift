// A container's end: kill → reaped, its mounts gone with its last process → its streams drained → its group removed →
// its zone looked at and taken offline. Each step begins when an event says that the one before is done.

extension Agent {
    func delete(_ request: DeleteContainer, _ caller: Caller) throws(Failure) {
        let container = try container(request.container)
        guard container.deletion == nil else {
            let text = "delete \(request.container.description): it is being deleted"
            throw Failure(code: ErrorNumber.busy, step: .request, text: text)
        }
        let deletion = Deletion(caller: caller, offlineZone: request.offlineZone, timeout: request.timeout)
        try container.group.kill()
        container.deletion = deletion
        deletion.stopwatch.lap(.kill)
        // Half of the time is for streams whose host end is slow; then they are cut, for they may hold pages of the zone.
        deletion.deadline = loop.after(milliseconds: request.timeout / 2) { [self] in deletionIsLate(container) }
        advanceDeletion(of: container)
    }

    private func deletionIsLate(_ container: Container) {
        guard let deletion = container.deletion else { return }
        deletion.deadline = nil
        for pump in container.outputs { pump.finish() }
        container.outputs = []
        advanceDeletion(of: container)
        guard !deletion.isRemoved else { return }
        // What cannot be killed hangs in the kernel. The host may try again.
        container.deletion = nil
        let text = "end \(container.number.description): processes \(processIDs(of: container)) do not die"
        connection?.reply(Failure(code: ErrorNumber.timedOut, step: .reap, text: text), to: deletion.caller)
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
        guard deletion.offlineZone, let zone = zones[container.node] else {
            forget(container)
            deletion.stopwatch.lap(.removeGroup)
            let reply = ContainerDeleted(zone: nil, timings: deletion.stopwatch.timings)
            connection?.reply(reply, to: deletion.caller)
            return
        }
        let now = Kernel.monotonicTime
        let left = deletion.end > now ? UInt32(truncatingIfNeeded: (deletion.end - now) / 1_000_000) : 1
        container.group.unwatch(loop: loop)
        do throws(Failure) {
            try empty(zone, group: container.group, timeout: max(left, 1)) { [self] result in
                finish(container, deletion, result)
            }
        } catch {
            finish(container, deletion, .failure(error))
        }
    }

    private func finish(_ container: Container, _ deletion: Deletion, _ result: Result<ZoneOffline, Failure>) {
        forget(container)
        switch result {
        case .success(let outcome):
            let reply = ContainerDeleted(zone: outcome, timings: deletion.stopwatch.timings)
            connection?.reply(reply, to: deletion.caller)
        case .failure(let failure): connection?.reply(failure, to: deletion.caller)
        }
    }

    /// Looks whether a zone is empty and takes it offline, in a worker: the kernel takes its time. The group, which
    /// has no processes any more, is removed on the way.
    func empty(
        _ zone: Zone, group: ControlGroup?, timeout: UInt32,
        _ done: @escaping (Result<ZoneOffline, Failure>) -> Void
    ) throws(Failure) {
        zones.takeEvents()
        let clearance = ZoneClearance(zone: zone, group: group)
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

    let zone: Zone
    let group: ControlGroup?

    /// The encoded `ZoneOffline`.
    func run(timeout: UInt32) -> [UInt8] {
        var stopwatch = Stopwatch()
        let migrated = pagesMigrated
        var outcome = ZoneOffline(
            onlineBytes: zone.onlineBytes, anonymousPages: 0, filePages: 0, sharedPages: 0, code: 0, pagesMigrated: 0,
            timings: [])
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
        if let group {
            _ = group.remove()
            stopwatch.lap(.removeGroup)
        }
        if isEmpty(outcome) { offline(&outcome, &stopwatch) }
        if outcome.isOffline { (outcome.anonymousPages, outcome.filePages, outcome.sharedPages) = (0, 0, 0) }
        outcome.pagesMigrated = pagesMigrated &- migrated
        outcome.timings = stopwatch.timings
        var encoder = MessageEncoder()
        outcome.encode(into: &encoder)
        return encoder.bytes
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

    private var pagesMigrated: UInt64 { TextFile("/proc/vmstat").number(after: "pgmigrate_success") }
}
