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
        let number = container.processes.add(caller, endsWithConnection: request.endsWithConnection)
        execute.container = container.number
        execute.process = ProcessNumber(number)
        let askedAt = MonotonicClock.nanoseconds
        agent.request(execute) { [unowned self] result in
            if case .failure(let failure) = result {
                streams.forget(ports)
                container.processes.remove(number)
                // It may come yet, and nobody waits for it.
                if case .timeout = failure { kill(ProcessNumber(number), of: container) }
            }
            caller.answer(result) { started in
                .started(
                    Started(
                        container: container.id, process: number, guestProcessID: started.processID,
                        plugMicroseconds: 0, totalMicroseconds: (MonotonicClock.nanoseconds - askedAt) / 1000))
            }
        }
    }

    /// A client's connection has gone: the processes that shall not outlive it are killed.
    func endProcesses(of session: ControlSession) {
        for container in containers.all {
            for number in container.processes.numbers(endingWith: session) {
                kill(ProcessNumber(number), of: container)
            }
        }
    }

    /// The agent takes requests in turn, so this reaches a process whose start it has not answered yet; of one that is
    /// not there the agent says so, and nobody needs to know.
    private func kill(_ process: ProcessNumber, of container: HostedContainer) {
        agent.request(SendSignal(container: container.number, process: process, signal: 9)) { _ in }
    }

    /// A process has ended that is not its container's first.
    func noteEnd(_ exited: Exited, in container: HostedContainer) {
        let process = exited.process.rawValue
        guard let caller = container.processes.remove(process) else { return }
        caller.reply(.exited(container.record(code: exited.status.code, process: process)))
    }
}
