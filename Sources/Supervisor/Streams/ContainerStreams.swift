import AgentProtocol
import ControlProtocol
import LinuxSystem
import Virtio

/// Standard streams: from the guest's vsock ports to clients' sockets and containers' logs. Protected by the device lock.
final class ContainerStreams {
    /// Ports below are the agent's and czone's own; those from 0x4000_0000 up are vsock connections to the guest.
    private static let ports: ClosedRange<UInt32> = 0x1_0000...0x3fff_ffff

    private let vsock: VsockDevice
    private let loop: EventLoop
    private let disk: DiskWork
    private var nextPort = ports.lowerBound

    init(_ vsock: VsockDevice, on loop: EventLoop, _ disk: DiskWork) {
        self.vsock = vsock
        self.loop = loop
        self.disk = disk
    }

    /// Ports for a process's streams, each for one connection of the guest's; 0 for a stream that it does not get.
    func connect(_ passed: inout PassedFiles, of container: HostedContainer) throws(SystemError) -> StandardStreams {
        var streams = StandardStreams()
        let log = passed.takeLog(disk)
        if let input = passed.take(.input) { streams.input = expect(input) }
        streams.output = try connectOutput(passed.take(.output), log, .output, of: container)
        streams.error = try connectOutput(passed.take(.error), log, .error, of: container)
        return streams
    }

    /// Takes back what the guest did not connect to.
    func forget(_ streams: StandardStreams) {
        for port in [streams.input, streams.output, streams.error] where port != 0 { vsock.forget(port) }
    }

    func forget(_ port: UInt32) { vsock.forget(port) }

    func isExpected(_ port: UInt32) -> Bool { vsock.isExpected(port) }

    /// A port for one connection of the guest's, whose other end is a stream socket.
    func expect(_ descriptor: OwnedDescriptor) -> UInt32 {
        let port = nextPort
        nextPort = port == Self.ports.upperBound ? Self.ports.lowerBound : port + 1
        vsock.expect(on: port, descriptor)
        return port
    }

    /// Straight to the client where nothing is logged, else through a tap.
    private func connectOutput(
        _ client: OwnedDescriptor?, _ log: ContainerLog?, _ stream: ContainerLog.Stream, of container: HostedContainer
    ) throws(SystemError) -> UInt32 {
        guard let log else { return client.map { expect($0) } ?? 0 }
        let (mine, guests) = try UnixSocket.pair()
        let output = container.output
        output.insert(
            try OutputTap(mine, on: loop, client: client, log: log, stream: stream) { [weak output] in
                output?.noteEnd(of: $0)
            })
        return expect(guests)
    }
}
