import AgentProtocol
import ControlProtocol
import LinuxSystem

/// What clients ask.
extension Supervisor {
    func handle(_ request: ControlRequest, _ waiter: Waiter) {
        switch request {
        case .describe(let measured): describe(measured: measured, waiter)
        case .run(let request):
            run(request, waiter)
            dropVolumes(for: request.id, waiter.connection)
        case .execute(let request): execute(request, waiter)
        case .signal(let id, let process, let signal, let all):
            guard let container = made(id, waiter) else { return }
            ask(
                SendSignal(
                    container: container.number, process: ProcessNumber(process), signal: signal, all: all), waiter)
        case .resizeTerminal(let id, let process, let rows, let columns):
            guard let container = running(id, waiter) else { return }
            ask(
                ResizeTerminal(
                    container: container.number, process: ProcessNumber(process),
                    size: WindowSize(rows: rows, columns: columns)), waiter)
        case .wait(let id): wait(id, waiter)
        case .pause(let id, let paused): pause(id, paused, waiter)
        case .update(let id, let memory, let processes, let quota, let period, let weight):
            guard let container = running(id, waiter) else { return }
            let limits = ResourceLimits(
                memoryMax: memory, processesMax: processes, cpuQuota: quota, cpuPeriod: period, cpuWeight: weight)
            ask(UpdateResources(container: container.number, limits: limits), waiter)
        case .remove(let id): removeOnRequest(id, waiter)
        case .placement(let id):
            guard let container = running(id, waiter) else { return }
            agent?.request(MeasurePlacement(container: container.number)) { waiter.answer($0) { .placement($0) } }
        case .nodes:
            whenReady { [self] in agent?.request(MeasureNodes()) { waiter.answer($0) { .nodes($0) } } }
        case .attach(let request): attach(request, waiter)
        case .zoneTimes: waiter.reply(.zoneTimes(zones.map(\.times)))
        case .stop:
            waiter.reply(.done)
            powerOff()
        case .create(let request):
            run(request.run, in: request.sandbox, starts: false, waiter)
            dropVolumes(for: request.run.id, waiter.connection)
        case .start(let id): start(id, waiter)
        case .processes(let id):
            guard let container = made(id, waiter) else { return }
            agent?.request(ListProcesses(container: container.number)) {
                waiter.answer($0) { .processes($0.processIDs) }
            }
        case .resizeZone(let id, let sizeInBytes): resizeZone(of: id, to: sizeInBytes, waiter)
        }
    }

    /// The container with this id, if it runs; else the waiter is told.
    func running(_ id: String, _ waiter: Waiter) -> Container? {
        guard let container = containers[id] else {
            waiter.refuse(.notFound, "no container \(id) in this VM")
            return nil
        }
        guard container.state == .running || container.state == .paused else {
            waiter.refuse(.wrongState, "the container \(id) is \(container.state)")
            return nil
        }
        return container
    }

    private func ask<Content: Request>(_ content: Content, _ waiter: Waiter) where Content.Reply == Done {
        agent?.request(content) { waiter.answer($0) { _ in .done } }
    }

    private func execute(_ request: ExecuteRequest, _ waiter: Waiter) {
        guard let passed = waiter.connection?.takeDescriptors(request.descriptors.count) else {
            return waiter.refuse(.invalid, "\(request.descriptors.count) descriptors were announced and did not come")
        }
        guard let container = running(request.container, waiter) else { return }
        if container.state == .paused { goOn(container) }
        var descriptors = Descriptors(request.descriptors.subtracting([.log, .exitRecord]), passed)
        var execute = request.execute
        let number = container.nextProcess
        container.nextProcess += 1
        execute.container = container.number
        execute.process = ProcessNumber(number)
        do { execute.specification.streams = try connectStreams(&descriptors, of: container) } catch {
            return waiter.refuse(.failed, "\(error)")
        }
        let askedAt = MonotonicClock.nanoseconds
        let streams = execute.specification.streams
        container.processes[number] = waiter
        agent?.request(execute) { [self] result in
            if case .failure = result {
                forgetStreams(streams)
                container.processes[number] = nil
            }
            waiter.answer(result) { started in
                .started(
                    Started(
                        container: container.id, process: number, guestProcessID: started.processID,
                        plugMicroseconds: 0, totalMicroseconds: (MonotonicClock.nanoseconds - askedAt) / 1000))
            }
        }
    }

    private func wait(_ id: String, _ waiter: Waiter) {
        guard let container = containers[id] else { return waiter.refuse(.notFound, "no container \(id) in this VM") }
        if let exit = container.exit { waiter.reply(.exited(exit)) } else { container.endWaiters.append(waiter) }
    }

    private func removeOnRequest(_ id: String, _ waiter: Waiter) {
        guard let container = containers[id] else { return waiter.refuse(.notFound, "no container \(id) in this VM") }
        container.removalWaiters.append(waiter)
        container.end(record(of: container, code: 137, reason: "removed"))
        remove(container)
    }
}

extension Waiter {
    /// Passes the agent's answer on.
    func answer<Reply>(_ result: Result<Reply, AgentFailure>, _ form: (Reply) -> ControlReply) {
        switch result {
        case .success(let value): reply(form(value))
        case .failure(let failure): reply(.refused(failure.refusal))
        }
    }
}
