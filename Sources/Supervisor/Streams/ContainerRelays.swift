import AgentProtocol
import ControlProtocol
import LinuxSystem
import Virtio

/// Connections between ports of containers' loopbacks and clients' sockets. Once the guest's agent has come for the
/// bytes they are the vsock device's alone. Protected by the device lock.
final class ContainerRelays {
    private let containers: ContainerTable
    private let agent: AgentSession
    private let streams: ContainerStreams

    init(_ containers: ContainerTable, _ agent: AgentSession, _ streams: ContainerStreams) {
        self.containers = containers
        self.agent = agent
        self.streams = streams
    }

    func relay(_ request: RelayRequest, _ caller: ControlCaller) throws(Refusal) {
        let passed = try caller.takeDescriptors(1)
        let container = try containers.created(request.container)
        guard let socket = passed.first, request.port > 0 else {
            throw Refusal(.invalid, "port 0 of \(request.container) is none: expected 1 to 65535")
        }
        let waiting = container.relays
        guard let hostPort = waiting.expect(socket, streams) else {
            throw Refusal(.full, "\(Limits.relays) connections of \(request.container) wait already")
        }
        let relay = RelayConnection(
            container: container.number, port: request.port, hostPort: hostPort, opening: request.opening,
            timeout: min(request.timeoutInMilliseconds, RelayRequest.maxTimeout))
        agent.request(relay) { result in
            if case .failure = result { waiting.forget(hostPort) }
            caller.answer(result) { _ in .done }
        }
    }
}

/// Host ports that the guest's agent has not come to yet, of a container.
final class WaitingRelays {
    private var ports: Set<UInt32> = []
    private var streams: ContainerStreams?

    /// A port for the socket; nil where too many wait.
    fileprivate func expect(_ socket: OwnedDescriptor, _ streams: ContainerStreams) -> UInt32? {
        self.streams = streams
        ports = ports.filter { streams.isExpected($0) }
        guard ports.count < Limits.relays else { return nil }
        let port = streams.expect(socket)
        ports.insert(port)
        return port
    }

    fileprivate func forget(_ port: UInt32) {
        if ports.remove(port) != nil { streams?.forget(port) }
    }

    /// The container has ended: their sockets are closed.
    func close() {
        for port in ports { streams?.forget(port) }
        ports = []
    }
}
