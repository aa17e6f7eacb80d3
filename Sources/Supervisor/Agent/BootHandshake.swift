import AgentProtocol
import ControlProtocol
import LinuxSystem
import Memory

/// From the agent's Hello to a VM that has served its purpose, or takes containers. Protected by the device lock.
final class BootHandshake {
    private let agent: AgentSession
    private let lifecycle: VirtualMachineLifecycle
    private let templates: ProcessTemplates
    private let trial: TrialStart
    /// The devices of images that a restored VM has and its template had not.
    private let images: [UInt8]
    /// What a VM that becomes a template is to have; nil: none.
    private let processTemplate: ProcessTemplateRequest?

    init(
        _ agent: AgentSession, _ lifecycle: VirtualMachineLifecycle, _ templates: ProcessTemplates, _ trial: TrialStart,
        images: [UInt8], processTemplate: ProcessTemplateRequest?
    ) {
        self.images = images
        self.agent = agent
        self.lifecycle = lifecycle
        self.templates = templates
        self.trial = trial
        self.processTemplate = processTemplate
    }

    func begin(_ hello: Hello) {
        if hello.isSetUp { renew() } else { setUp() }
    }

    private func setUp() {
        let setup = Setup(
            wallClock: WallClock.nanoseconds, entropy: RandomBytes.bytes(64), hostname: "czone",
            maxContainers: lifecycle.isAlone ? 1 : .max)
        agent.request(setup) { [unowned self] result in
            switch result {
            case .success: complete()
            case .failure(let failure): lifecycle.fail("the guest's agent could not set up: \(failure)")
            }
        }
    }

    /// The guest was saved when it was set up, and is restored. What it has of time and randomness is another's: nothing
    /// runs before both are its own.
    private func renew() {
        let renew = Renew(wallClock: WallClock.nanoseconds, entropy: RandomBytes.bytes(64), images: images)
        agent.request(renew) { [unowned self] result in
            switch result {
            case .success: complete()
            case .failure(let failure): lifecycle.fail("the guest's agent could not resume: \(failure)")
            }
        }
    }

    private func complete() {
        // It was asked to stop meanwhile.
        guard lifecycle.state == .booting else { return }
        switch lifecycle.purpose {
        case .containers:
            lifecycle.becomeReady()
            // Nobody waits for it yet: what its first container touches is touched now.
            if lifecycle.isPrewarmed { tryStart(.making) { _ in } }
        case .workingSetRecording: tryStart(.running) { [unowned self] _ in lifecycle.fulfilPurpose() }
        case .template: makeProcessTemplate()
        }
    }

    /// Where the VM has a process template.
    private func tryStart(_ extent: TrialStart.Extent, completion: @escaping (TrialStart.Outcome) -> Void) {
        guard let template = templates.first else { return completion(.impossible) }
        trial.run(template, extent, completion: completion)
    }

    /// The VM is saved with its process template at its point, or without where there can be none.
    private func makeProcessTemplate() {
        guard let processTemplate else { return settle() }
        do throws(ProcessTemplateIdentity.Obstacle) {
            templates.make(try ProcessTemplateOrder(processTemplate)) { [unowned self] in
                tryStart(.running) { [self] outcome in
                    // Every VM of the template would be without that zone.
                    guard case .zoneLost = outcome else { return settle() }
                    lifecycle.fail("the zone of a first copy has not come back")
                }
            }
        } catch {
            lifecycle.fail("the process template cannot be: \(error)")
        }
    }

    private func settle() {
        agent.request(Settle()) { [unowned self] result in
            switch result {
            case .success: lifecycle.fulfilPurpose()
            case .failure(let failure): lifecycle.fail("the guest does not come to rest: \(failure)")
            }
        }
    }
}
