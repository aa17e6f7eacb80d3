// What the host asks of containers that live.

extension ContainerLifecycle {
    func pause(_ request: PauseContainer, _ caller: Caller) throws(Failure) {
        let container = try table.get(request.container)
        guard container.life.mayFreeze else {
            let text = "pause \(request.container.description): it is being paused, or does not run"
            throw Failure(code: ErrorNumber.busy, step: .freeze, text: text)
        }
        try container.group.set("cgroup.freeze", "1")
        let deadline = loop.after(milliseconds: WaitLimit.freeze) { [self] in freezeIsLate(container) }
        container.life.freeze(GuestContainerLife.Freeze(caller: caller, deadline: deadline))
        groupChanged(container)
    }

    private func freezeIsLate(_ container: GuestContainer) {
        try? container.group.set("cgroup.freeze", "0")
        guard let freeze = container.life.resume() else { return }
        let text = "freeze \(container.number.description): not all stood still in \(WaitLimit.freeze) ms"
        freeze.caller.reply(Failure(code: ErrorNumber.timedOut, step: .freeze, text: text))
    }

    func resume(_ request: ResumeContainer, _ caller: Caller) throws(Failure) {
        let container = try table.get(request.container)
        try container.group.set("cgroup.freeze", "0")
        if let freeze = container.life.resume() { refuse(freeze, container, "it was resumed") }
        caller.reply(Done())
    }

    /// A container's group became empty, or frozen.
    func groupChanged(_ container: GuestContainer) {
        if container.group.isFrozen, var freeze = container.life.becomePaused() {
            loop.cancel(freeze.deadline)
            freeze.timer.lap(.freeze)
            freeze.caller.reply(Done(timings: freeze.timer.timings))
        }
        advanceEnd(of: container)
    }

    /// Answers a request to pause that something else came before.
    func refuse(_ freeze: GuestContainerLife.Freeze, _ container: GuestContainer, _ reason: StaticString) {
        loop.cancel(freeze.deadline)
        let text = "pause \(container.number.description): \(reason) meanwhile"
        freeze.caller.reply(Failure(code: ErrorNumber.busy, step: .freeze, text: text))
    }

    func update(_ request: UpdateResources, _ caller: Caller) throws(Failure) {
        let container = try table.get(request.container)
        try container.group.apply(request.limits)
        elasticZones.limitsChanged(of: container)
        caller.reply(Done())
    }

    // MARK: processes

    func signal(_ request: SendSignal, _ caller: Caller) throws(Failure) {
        let signal = Int32(truncatingIfNeeded: request.signal)
        let container = try table.get(request.container)
        if !request.all {
            let process = try container.process(request.process)
            process.isToStop = Kernel.isStop(signal)
            try check(
                Kernel.signal(process.descriptor, signal), .kill,
                "send signal \(signal) to \(request.process.description) of \(request.container.description)")
        } else if signal == 9 {
            try container.group.kill()
        } else {
            for process in container.group.processIDs { _ = Kernel.kill(Int32(process), signal) }
        }
        caller.reply(Done())
    }

    func resize(_ request: ResizeTerminal, _ caller: Caller) throws(Failure) {
        guard let terminal = try table.get(request.container).process(request.process).terminal else {
            let text = "resize the terminal of \(request.process.description): it has none"
            throw Failure(code: ErrorNumber.notTerminal, step: .terminal, text: text)
        }
        try check(Kernel.resizeTerminal(terminal.rawValue, request.size), .terminal, "resize the terminal")
        caller.reply(Done())
    }
}
