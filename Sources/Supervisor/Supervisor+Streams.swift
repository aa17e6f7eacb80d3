import AgentProtocol
import ControlProtocol
import LinuxSystem
import Machine
import Virtio

/// Descriptors that came with a request, by what they are for.
struct Descriptors {
    private var byRole: [UInt8: OwnedDescriptor] = [:]

    /// As many as the set announces, in its order.
    init(_ roles: PassedDescriptors, _ passed: [OwnedDescriptor]) {
        var rest = passed[...]
        for bit in 0..<8 where roles.rawValue & 1 << bit != 0 { byRole[1 << bit] = rest.popFirst() }
    }

    mutating func take(_ role: PassedDescriptors) -> OwnedDescriptor? { byRole.removeValue(forKey: role.rawValue) }
}

/// Standard streams: from the guest's vsock ports to the client's sockets and the log.
extension Supervisor {
    func connectStreams(_ descriptors: inout Descriptors, of container: Container) throws -> StandardStreams {
        var streams = StandardStreams()
        let log = descriptors.take(.log).map { ContainerLog($0) }
        if let input = descriptors.take(.input) { streams.input = expect(input) }
        let output = descriptors.take(.output)
        let error = descriptors.take(.error)
        if output != nil || log != nil {
            streams.output = try expectOutput(output, log, .output, of: container)
        }
        if error != nil || log != nil {
            streams.error = try expectOutput(error, log, .error, of: container)
        }
        return streams
    }

    /// Takes back what the guest did not connect to.
    func forgetStreams(_ streams: StandardStreams) {
        for port in [streams.input, streams.output, streams.error] where port != 0 { machine.vsock.forget(port) }
    }

    private func expect(_ descriptor: OwnedDescriptor) -> UInt32 {
        let port = nextPort()
        machine.vsock.expect(on: port, descriptor)
        return port
    }

    /// Straight to the client where nothing is logged, else through a tap.
    private func expectOutput(
        _ client: OwnedDescriptor?, _ log: ContainerLog?, _ stream: ContainerLog.Stream, of container: Container
    ) throws -> UInt32 {
        guard let log else { return client.map { expect($0) } ?? 0 }
        let (mine, guests) = try UnixSocket.pair()
        let tap = try OutputTap(mine, on: loop, client: client, log: log, stream: stream) {
            [unowned self, weak container] ended in
            guard let container else { return }
            container.taps.removeAll { $0 === ended }
            if configuration.isAlone, containers[container.id] == nil { endWithOutput(of: container) }
        }
        container.taps.append(tap)
        return expect(guests)
    }
}
