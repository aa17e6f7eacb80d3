import AgentProtocol
import ControlProtocol

/// Process templates: programs that ran to a point which they marked by stopping themselves, and of which further
/// containers become copies. They are made behind the first container that would have been a copy, and whatever becomes
/// of them costs nothing but plain starts. In the guest a template is a container without a zone; for clients and for the
/// VM's life it is none, and it ends with its VM.
///
/// Protected by the device lock.
final class ProcessTemplates {
    private let containers: ContainerTable
    private let agent: AgentSession
    private let lifecycle: VirtualMachineLifecycle
    private let baseSizeInBytes: UInt64
    private let log: (String) -> Void
    private let deadlines: Deadlines
    private let table = ProcessTemplateTable()

    /// - Parameter log: takes a line for the VM's log.
    init(
        _ machine: any SupervisedMachine, _ containers: ContainerTable, _ agent: AgentSession,
        _ lifecycle: VirtualMachineLifecycle, _ deadlines: Deadlines, log: @escaping (String) -> Void
    ) {
        self.containers = containers
        self.agent = agent
        self.lifecycle = lifecycle
        self.log = log
        baseSizeInBytes = machine.baseSizeInBytes
        self.deadlines = deadlines
    }

    // MARK: Containers

    /// What a container asks for; nil for one that starts plainly whatever there is.
    func order(for request: RunRequest) -> WarmContainer? {
        // One without a zone would have its own pages among the template's, and one that is alone is never a further one.
        guard let warmStart = request.warmStart, request.zoneSizeInBytes > 0, !lifecycle.isAlone else { return nil }
        do throws(ProcessTemplateIdentity.Obstacle) {
            let wanted = ProcessTemplateRequest(request.create.specification, warmStart)
            return WarmContainer(order: try ProcessTemplateOrder(wanted))
        } catch {
            log("the container \(request.id) starts plainly: \(error)")
            return nil
        }
    }

    /// How a container's first process comes to run its program, decided now.
    func chooseOrigin(for container: HostedContainer) -> ProcessOrigin {
        guard let order = container.warmth?.order, let template = table[order.identity]?.origin else {
            return .program
        }
        container.warmth?.template = template
        return .copy(of: template)
    }

    /// What a container that will be a copy writes until it is ready, in bytes.
    func expectedBytes(of container: HostedContainer) -> UInt64 {
        container.warmth.flatMap { table[$0.order.identity] }?.expectedBytes ?? 0
    }

    /// The agent has answered: the process is what was asked for, or was started plainly for this reason.
    func note(_ refusal: String, for container: HostedContainer) {
        guard let number = container.warmth?.template else { return }
        let template = table[number]
        let end = template?.noteCopy(refusal: refusal)
        guard !refusal.isEmpty else { return }
        container.warmth?.template = nil
        log("the container \(container.id) is no copy of its template: \(refusal)")
        if let template, let end { refuse(template, end) }
    }

    /// A container's program runs: the template that was missing for it is made now, so that it had not to wait.
    func noteRunning(_ container: HostedContainer) {
        guard let order = container.warmth?.order, table[order.identity] == nil, table.hasRoom else { return }
        make(order)
    }

    // MARK: Making

    /// Has a template made; `onSettled` is called once, when it is ready or refused.
    func make(_ order: ProcessTemplateOrder, onSettled: (() -> Void)? = nil) {
        let template = ProcessTemplate(
            number: table.takeNumber(), order.identity, command: order.command, onSettled: onSettled)
        table.insert(template)
        let timeout = max(order.warmStart.timeoutInSeconds, 1)
        template.deadline = deadlines.after(seconds: UInt64(timeout)) { [unowned self] in
            refuse(template, "it did not reach its point in \(timeout) s")
        }
        let holder = containers.takeNumber()
        template.holder = holder
        let request = CreateContainer(
            container: holder, node: 0, zoneBytes: 0, start: true, specification: .namespaceHolder)
        agent.request(request) { [unowned self] result in
            switch result {
            case .success where template.isRefused: delete([holder])
            case .success: run(template, order, in: holder)
            // It may yet be made, by an agent that was late: it is deleted in any case.
            case .failure(let failure): refuse(template, "its process namespace could not be made: \(failure)")
            }
        }
    }

    /// Its process namespace is there: now its program is run in it.
    private func run(_ template: ProcessTemplate, _ order: ProcessTemplateOrder, in holder: ContainerNumber) {
        let number = containers.takeNumber()
        template.container = number
        let memory = order.warmStart.memoryInBytes == 0 ? baseSizeInBytes / 2 : order.warmStart.memoryInBytes
        let request = CreateContainer(
            container: number, node: 0, zoneBytes: 0, start: true, origin: .template,
            specification: order.identity.template(
                files: order.files, in: holder, memoryMax: memory, processesMax: order.processesMax))
        agent.request(request) { [unowned self] result in
            switch result {
            case .success where template.isRefused: delete([number])
            case .success: break
            case .failure(let failure): refuse(template, "its program could not be run: \(failure)")
            }
        }
    }

    // MARK: Saving and restoring

    /// The one that the VM's template has, or is to have.
    var first: ProcessTemplate? { table.all.first }

    /// The guest was saved with this template, and is restored.
    func restore(_ saved: SavedProcessTemplate) {
        containers.skipNumbers(through: saved.lastNumber)
        let template = ProcessTemplate(
            number: table.takeNumber(), saved.identity, command: saved.command)
        (template.holder, template.container) = (saved.holder, saved.container)
        _ = template.reach(saved.facts)
        table.insert(template)
    }

    /// What a VM that is saved now has; nil for one without a template at its point.
    var saved: SavedProcessTemplate? {
        table.all.lazy.compactMap { SavedProcessTemplate($0, lastNumber: self.containers.lastNumber) }.first
    }

    // MARK: The agent's words

    /// The agent says that a template's program stands at its point.
    func reached(_ event: TemplateReached) {
        guard let template = table[event.container], template.container == event.container else { return }
        guard event.refusal.isEmpty else { return refuse(template, event.refusal) }
        let facts = ProcessTemplateFacts(
            reachedAfterMicroseconds: event.microseconds, threads: event.threads, memoryBytes: event.memoryBytes)
        if template.reach(facts) { cancelDeadline(of: template) }
    }

    /// A first process of the guest's has ended; false where it is no template's.
    func ended(_ exited: Exited) -> Bool {
        guard let template = table[exited.container] else { return false }
        let isReady = template.origin != nil
        let end = "its program \(exited.status.words)"
        if template.holder == exited.container {
            refuse(template, "its process namespace has ended")
        } else if exited.oomKilled {
            refuse(template, "it was killed: it needed more memory than a template may have")
        } else {
            refuse(template, isReady ? end : "\(end) before its point")
        }
        return true
    }

    /// There is no such template from now on, and what there was of it goes.
    private func refuse(_ template: ProcessTemplate, _ reason: String) {
        guard template.refuse(reason) else { return }
        log("no process template of \(template.command): \(reason)")
        let numbers = [template.container, template.holder].compactMap { $0 }
        (template.container, template.holder) = (nil, nil)
        cancelDeadline(of: template)
        delete(numbers[...]) { template.noteDeletion() }
    }

    /// Deletes containers of the guest's, one after the other. What the agent cannot delete ends with the VM.
    private func delete(_ numbers: ArraySlice<ContainerNumber>, completion: @escaping () -> Void = {}) {
        guard let number = numbers.first else { return completion() }
        let request = DeleteContainer(
            container: number, offlineZone: false, timeout: AgentSession.agentTimeoutInMilliseconds)
        agent.request(request) { [unowned self] _ in delete(numbers.dropFirst(), completion: completion) }
    }

    private func cancelDeadline(of template: ProcessTemplate) {
        if let deadline = template.deadline { deadlines.cancel(deadline) }
        template.deadline = nil
    }

    // MARK: Clients

    var reports: [ProcessTemplateReport] {
        table.all.map { template in
            let copies = containers.all.filter { container in
                container.exit == nil && container.warmth?.template != nil
                    && container.warmth?.template == template.container
            }
            return template.report(instances: copies.count)
        }
    }

    /// Ends a template and forgets it, so that another can be made.
    func remove(_ number: UInt32, _ caller: ControlCaller) throws(Refusal) {
        guard let template = table[number] else {
            throw Refusal(.notFound, "no process template \(number) in this VM")
        }
        refuse(template, "removed")
        table.remove(template)
        caller.reply(.done)
    }
}

extension ContainerSpecification {
    /// A container without files whose first process is the agent's pause (`RootFileSystem.layers`). Nothing but its
    /// process namespace is used, so nothing else is made.
    fileprivate static var namespaceHolder: ContainerSpecification {
        ContainerSpecification(
            root: RootFileSystem(layers: []),
            namespaces: Namespaces(process: .new, network: .guest, ipc: .guest, hostName: .guest),
            process: ProcessSpecification(arguments: ["template"]))
    }
}

extension ExitStatus {
    fileprivate var words: String {
        if let signal { "was killed by signal \(signal)" } else { "ended with status \(code)" }
    }
}
