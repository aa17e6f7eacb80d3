import AgentProtocol
import ControlProtocol

/// What clients ask of a container that is there: a request of the agent's each. Protected by the device lock.
final class ContainerOperations {
    /// More bytes than any container has.
    private static let everything: UInt64 = 1 << 40

    private let containers: ContainerTable
    private let agent: AgentSession

    init(_ containers: ContainerTable, _ agent: AgentSession) {
        self.containers = containers
        self.agent = agent
    }

    func signal(
        _ id: String, process: UInt32, _ signal: UInt32, all: Bool, _ caller: ControlCaller
    ) throws(Refusal) {
        let container = try containers.created(id)
        ask(
            SendSignal(container: container.number, process: ProcessNumber(process), signal: signal, all: all), caller)
    }

    func resizeTerminal(
        _ id: String, process: UInt32, to size: WindowSize, _ caller: ControlCaller
    ) throws(Refusal) {
        let container = try containers.running(id)
        ask(ResizeTerminal(container: container.number, process: ProcessNumber(process), size: size), caller)
    }

    func update(_ id: String, to limits: ResourceLimits, _ caller: ControlCaller) throws(Refusal) {
        let container = try containers.running(id)
        ask(UpdateResources(container: container.number, limits: limits), caller)
    }

    func listProcesses(of id: String, _ caller: ControlCaller) throws(Refusal) {
        let container = try containers.created(id)
        agent.request(ListProcesses(container: container.number)) {
            caller.answer($0) { .processes($0.processIDs) }
        }
    }

    func measurePlacement(of id: String, _ caller: ControlCaller) throws(Refusal) {
        let container = try containers.running(id)
        agent.request(MeasurePlacement(container: container.number)) { caller.answer($0) { .placement($0) } }
    }

    // MARK: Pausing

    /// A container that rests gives what it does not use back: its processes are frozen, clean pages of its files are
    /// dropped, and its zone's free pages return to the host by the balloon device within some seconds. Nothing of it is
    /// lost.
    func pause(_ id: String, _ caller: ControlCaller) throws(Refusal) {
        let container = try containers.running(id)
        agent.request(PauseContainer(container: container.number)) { [unowned self] result in
            switch result {
            case .success: container.step { life throws(ContainerStateError) in try life.pause() }
            // It may be frozen yet, and nobody would know.
            case .failure(.timeout): resume(container)
            case .failure: break
            }
            caller.answer(result) { _ in .done }
        }
        // All that can go: the kernel stops where it finds nothing more, which is no failure of the pause.
        agent.request(Reclaim(container: container.number, bytes: Self.everything)) { _ in }
    }

    func resume(_ id: String, _ caller: ControlCaller) throws(Refusal) {
        resume(try containers.running(id)) { caller.answer($0) { _ in .done } }
    }

    func resume(
        _ container: HostedContainer, completion: @escaping (Result<Done, AgentFailure>) -> Void = { _ in }
    ) {
        agent.request(ResumeContainer(container: container.number)) { result in
            if case .success = result { container.step { life throws(ContainerStateError) in try life.resume() } }
            completion(result)
        }
    }

    private func ask<Content: BoundedRequest>(_ content: Content, _ caller: ControlCaller) where Content.Reply == Done {
        agent.request(content) { caller.answer($0) { _ in .done } }
    }
}
