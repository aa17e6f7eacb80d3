import AgentProtocol
import ControlProtocol

/// A container that rests gives what it does not use back: its processes are frozen, clean pages of its files are
/// dropped, and its zone's free pages return to the host by the balloon device within some seconds. Nothing of it is lost.
extension Supervisor {
    /// More bytes than any container has.
    private static let everything: UInt64 = 1 << 40

    func pause(_ id: String, _ paused: Bool, _ waiter: Waiter) {
        guard let container = running(id, waiter) else { return }
        guard paused else {
            return change(container, to: .running, ResumeContainer(container: container.number), waiter)
        }
        change(container, to: .paused, PauseContainer(container: container.number), waiter)
        // All that can go: the kernel stops where it finds nothing more, which is no failure of the pause.
        agent?.request(Reclaim(container: container.number, bytes: Self.everything)) { _ in }
    }

    /// A paused container is asked for something: it goes on.
    func goOn(_ container: Container) {
        agent?.request(ResumeContainer(container: container.number)) { result in
            if case .success = result, container.exit == nil { container.state = .running }
        }
    }

    private func change<Content: Request>(
        _ container: Container, to state: ContainerReport.State, _ request: Content, _ waiter: Waiter
    ) where Content.Reply == Done {
        agent?.request(request) { result in
            if case .success = result, container.exit == nil { container.state = state }
            waiter.answer(result) { _ in .done }
        }
    }
}
