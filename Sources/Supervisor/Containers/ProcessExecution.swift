import AgentProtocol
import ControlProtocol
import LinuxSystem

/// Further processes in containers, from the request to their ends. Protected by the device lock.
final class ProcessExecution {
    private let containers: ContainerTable
    private let agent: AgentSession
    private let operations: ContainerOperations
    private let streams: ContainerStreams

    init(
        _ containers: ContainerTable, _ agent: AgentSession, _ operations: ContainerOperations,
        _ streams: ContainerStreams
    ) {
        self.containers = containers
        self.agent = agent
        self.operations = operations
        self.streams = streams
    }

    func execute(_ request: ExecuteRequest, _ caller: ControlCaller) throws(Refusal) {
        var passed = try PassedFiles(request, of: caller)
        let container = try containers.running(request.container)
        if container.life.state == .paused { operations.resume(container) }
        var execute = request.execute
        do { execute.specification.streams = try streams.connect(&passed, of: container) } catch {
            throw Refusal(.failed, "\(error)")
        }
        let ports = execute.specification.streams
        let number = container.processes.add(caller)
        execute.container = container.number
        execute.process = ProcessNumber(number)
        let askedAt = MonotonicClock.nanoseconds
        agent.request(execute) { [unowned self] result in
            if case .failure = result {
                streams.forget(ports)
                container.processes.remove(number)
            }
            caller.answer(result) { started in
                .started(
                    Started(
                        container: container.id, process: number, guestProcessID: started.processID,
                        plugMicroseconds: 0, totalMicroseconds: (MonotonicClock.nanoseconds - askedAt) / 1000))
            }
        }
    }

    /// A process has ended that is not its container's first.
    func noteEnd(_ exited: Exited, in container: HostedContainer) {
        let process = exited.process.rawValue
        guard let caller = container.processes.remove(process) else { return }
        caller.reply(.exited(container.record(code: exited.status.code, process: process)))
    }
}
