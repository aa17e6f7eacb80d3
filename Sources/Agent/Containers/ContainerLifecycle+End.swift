// A container's end: kill → reaped, its mounts gone with its last process → its streams drained → its zone looked at
// and taken offline → its group removed. Each stage begins when an event says that the one before is done. The end of
// its first process begins it, so that the host's request to delete it finds the work under way.

extension ContainerLifecycle {
    // MARK: ends of processes

    func reap() {
        while let (id, status) = Kernel.reap() {
            guard let (container, process) = table.process(id: id) else { continue }
            if Kernel.hasStopped(status) {
                launcher.takeReports(of: process, in: container)
                templates.stopped(process, in: container)
            } else {
                ended(process, ExitStatus(rawValue: status), in: container)
            }
        }
    }

    private func ended(_ process: ContainerProcess, _ status: ExitStatus, in container: GuestContainer) {
        // What it said last comes before its end.
        launcher.takeReports(of: process, in: container)
        container.processes.removeAll { $0 === process }
        process.input?.finish()
        if let launch = process.launch {
            loop.forget(launch.channel)
            launcher.cancelDeadline(of: launch)
            if launchFailed(process, launch, in: container) { return advanceEnd(of: container) }
        }
        table.noticeOutOfMemory(container)
        table.reportExit(of: process, status, in: container)
        if process.number == .initial { beginEnd(of: container) }
        advanceEnd(of: container)
    }

    /// A process that never came to execute its program was reaped. Whether a request fails of it: else it is an
    /// ordinary end.
    private func launchFailed(_ process: ContainerProcess, _ launch: Launch, in container: GuestContainer) -> Bool {
        guard launch.caller != nil || launch.isGivenUp else { return false }
        let failure = launch.failure ?? killed(in: container)
        if process.number == .initial && !launch.wasCreated {
            // The request to make the container fails as a whole. An end under way removes the container itself.
            container.cutOutputs()
            if container.life.isAlive { table.remove(container) }
        }
        launch.caller?.reply(failure)
        return true
    }

    private func killed(in container: GuestContainer) -> Failure {
        guard container.group.oomKills > container.oomKills else {
            return Failure(code: ErrorNumber.noProcess, step: .clone, text: "set the process up: it was killed before")
        }
        let text = "set the process up: the container's memory limit is too small"
        return Failure(code: ErrorNumber.noMemory, step: .clone, text: text)
    }

    // MARK: the end of a container

    /// The container's first process has ended: all else of it goes.
    private func beginEnd(of container: GuestContainer) {
        guard container.life.isAlive else { return }
        // Should it fail, the host's request to delete it begins it again.
        try? begin(ContainerEnd(offlineZone: true, timeout: WaitLimit.ownEnd), of: container)
    }

    func delete(_ request: DeleteContainer, _ caller: Caller) throws(Failure) {
        let container = try table.get(request.container)
        if container.life.end?.caller != nil {
            let text = "delete \(request.container.description): it is being deleted"
            throw Failure(code: ErrorNumber.busy, step: .request, text: text)
        }
        if container.life.isAlive {
            try begin(ContainerEnd(offlineZone: request.offlineZone, timeout: request.timeout), of: container)
        }
        guard let end = container.life.end else { return }
        end.caller = caller
        if case .done = end.stage { return answer(end, of: container) }
        guard !end.isEmptied else {
            end.deadline = loop.after(milliseconds: request.timeout) { [self] in
                emptyingIsLate(container, request.timeout)
            }
            return
        }
        // Half of the time is for streams whose host end is slow; then they are cut, for they may hold pages of the
        // zone.
        end.deadline = loop.after(milliseconds: request.timeout / 2) { [self] in endIsLate(container) }
    }

    private func begin(_ end: ContainerEnd, of container: GuestContainer) throws(Failure) {
        try container.group.kill()
        if let freeze = container.life.begin(end) { refuse(freeze, container, "it was ended") }
        end.timer.lap(.kill)
        advanceEnd(of: container)
    }

    private func endIsLate(_ container: GuestContainer) {
        guard let end = container.life.end, let caller = end.caller else { return }
        end.deadline = nil
        container.cutOutputs()
        advanceEnd(of: container)
        guard !end.isEmptied else { return }
        // What cannot be killed hangs in the kernel. The host may try again.
        container.life.giveUpEnd()
        let text = "end \(container.number.description): processes \(container.group.processIDs) do not die"
        caller.reply(Failure(code: ErrorNumber.timedOut, step: .reap, text: text))
    }

    /// The end began by itself and its zone takes longer than the host waits: it may ask again.
    private func emptyingIsLate(_ container: GuestContainer, _ timeout: UInt32) {
        guard let end = container.life.end, let caller = end.caller else { return }
        end.deadline = nil
        end.caller = nil
        let text = "empty the zone of \(container.number.description) in \(timeout) ms: it is still at it"
        caller.reply(Failure(code: ErrorNumber.timedOut, step: .zoneOffline, text: text))
    }

    /// A stream to the host has come to its end.
    func outputEnded(of container: GuestContainer) {
        container.outputs.removeAll { $0.isFinished }
        advanceEnd(of: container)
    }

    /// Takes an end as far as it can go now.
    func advanceEnd(of container: GuestContainer) {
        guard let end = container.life.end else { return }
        if case .reaping = end.stage {
            guard container.processes.isEmpty, !container.group.isPopulated else { return }
            end.timer.lap(.reap)
            container.cutRelays()
            end.stage = .draining
        }
        guard case .draining = end.stage, container.outputs.isEmpty else { return }
        end.timer.lap(.streams)
        end.stage = .emptying
        if let deadline = end.deadline { loop.cancel(deadline) }
        container.group.unwatch(loop: loop)
        guard end.offlineZone, let zone = zones[container.node] else {
            return finish(container, end, .success(nil))
        }
        do throws(Failure) {
            try zones.empty(zone, group: container.group, timeout: end.timeLeft) { [self] result in
                finish(container, end, result.map { $0 })
            }
        } catch {
            finish(container, end, .failure(error))
        }
    }

    private func finish(_ container: GuestContainer, _ end: ContainerEnd, _ result: Result<ZoneOffline?, Failure>) {
        end.stage = .done(result)
        if let deadline = end.deadline { loop.cancel(deadline) }
        answer(end, of: container)
    }

    /// Answers the host, if it has asked and all is done. The group goes after that: the host need not wait for it.
    private func answer(_ end: ContainerEnd, of container: GuestContainer) {
        guard let caller = end.caller, case .done(let result) = end.stage else { return }
        switch result {
        case .success(let zone): caller.reply(ContainerDeleted(zone: zone, timings: end.timer.timings))
        case .failure(let failure): caller.reply(failure)
        }
        table.remove(container)
    }

    /// Kills everything, for the guest's end.
    func killAll() { for container in table.all { try? container.group.kill() } }
}
