/// The process templates of the guest: takes what stops at its point, and gives copies their plan.
final class TemplateService {
    private let loop: PollLoop
    private let host: HostConnection
    private var templates: [ProcessTemplate] = []

    init(loop: PollLoop, host: HostConnection) {
        self.loop = loop
        self.host = host
    }

    /// How the first process of a new container begins.
    func prepare(_ plan: inout LaunchPlan, for request: CreateContainer) throws(Failure) {
        switch request.origin {
        case .program: break
        case .template:
            guard request.node == 0, case .container = request.specification.namespaces.process else {
                let text = "make \(request.container.description) a template: it has a zone, or a process namespace"
                throw Failure(code: ErrorNumber.invalid, step: .request, text: text)
            }
            plan.isTemplate = true
        case .copy where !request.specification.userMappings.isEmpty:
            plan.refusal = "it has a user namespace of its own"
        case .copy(let number), .trial(let number):
            guard let template = templates.first(where: { $0.container == number }) else {
                if case .trial = request.origin {
                    let text = "start a copy of \(number.description), which is no template"
                    throw Failure(code: ErrorNumber.invalid, step: .request, text: text)
                }
                return plan.refusal = "\(number.description) is no template"
            }
            // Threads keep their numbers, which others may have there.
            guard template.threads == 1 || request.specification.namespaces.process == .new else {
                return plan.refusal = "the template's threads need a process namespace of their own"
            }
            plan.template = template
            if case .trial = request.origin { plan.isTrial = true }
        }
    }

    /// A first process has stopped itself. Of a template: this is its point. Any other resumes: a program that marks its
    /// point runs in every container.
    func stopped(_ process: ContainerProcess, in container: GuestContainer) {
        guard container.isTemplate, process.number == .initial else {
            if process.number == .initial && process.launch == nil && !process.isToStop {
                _ = Kernel.signal(process.descriptor, Self.resume)
            }
            return
        }
        guard !templates.contains(where: { $0.container == container.number }) else { return }
        whenAlone(container, attempts: Self.attempts) { [self] in report(process, in: container) }
    }

    /// What has stopped it may be a process that it has started, and that is about to end. There is no event for that,
    /// so it is looked at 50 times, each 20 ms; then the template is refused for its other processes.
    private static let attempts = 50
    private static let interval: UInt32 = 20

    private func whenAlone(_ container: GuestContainer, attempts: Int, _ done: @escaping () -> Void) {
        guard attempts > 0, container.life.isAlive, container.group.processIDs.count > 1 else { return done() }
        _ = loop.after(milliseconds: Self.interval) { [self] in
            whenAlone(container, attempts: attempts - 1, done)
        }
    }

    private func report(_ process: ContainerProcess, in container: GuestContainer) {
        guard container.life.isAlive else { return }
        let elapsed = Kernel.monotonicTime - process.executedAt
        var refusal = ""
        var threads: UInt32 = 0
        do throws(TemplateRefusal) {
            let template = try take(process, container)
            threads = template.threads
            templates.append(template)
        } catch {
            refusal = error.text
        }
        host.send(
            event: TemplateReached(
                container: container.number, microseconds: elapsed / 1000, threads: threads,
                memoryBytes: container.group.file("memory.current").number, refusal: refusal))
    }

    private static let resume: Int32 = 18

    private func take(
        _ process: ContainerProcess, _ container: GuestContainer
    ) throws(TemplateRefusal) -> ProcessTemplate {
        do throws(Failure) {
            // It has stopped; from now on nobody in it can resume it.
            try container.group.set("cgroup.freeze", "1")
        } catch {
            throw TemplateRefusal("it cannot be frozen: errno \(error.code)")
        }
        let template = try TemplateInspection(container: container, process: process).makeTemplate()
        do throws(Failure) {
            try attachLayer(of: container)
        } catch {
            throw TemplateRefusal("cannot \(error.text): errno \(error.code)")
        }
        return template
    }

    /// In the agent's mount namespace: an overlay takes layers from the namespace that it is mounted in only.
    private func attachLayer(of container: GuestContainer) throws(Failure) {
        guard let layer = container.writableLayer else {
            throw Failure(code: ErrorNumber.noEntry, step: .rootFileSystem, text: "find its writable layer")
        }
        let directory = AgentDirectory.template(container.number)
        try check(Kernel.makeDirectory(directory), .rootFileSystem, "make \(directory)")
        let target = Kernel.open(directory, OpenFlag.path)
        let place = Descriptor(taking: try check(target, .rootFileSystem, "open \(directory)"))
        try check(
            Kernel.attachTree(layer.rawValue, to: place.rawValue), .rootFileSystem, "mount its writable layer")
        container.writableLayer = nil
    }

    /// A container is no more.
    func forget(_ container: ContainerNumber) {
        guard let index = templates.firstIndex(where: { $0.container == container }) else { return }
        templates.remove(at: index)
        let directory = AgentDirectory.template(container)
        _ = Kernel.detachMount(directory)
        _ = Kernel.removeDirectory(directory, in: Kernel.here)
    }
}
