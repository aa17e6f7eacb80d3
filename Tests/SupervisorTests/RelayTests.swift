import AgentProtocol
import ControlProtocol
import LinuxSystem
import Testing
import Virtio

@testable import Supervisor

/// Connections to ports of containers' loopbacks, as clients ask for them.
@Suite struct RelayTests {
    private func request(_ container: String = "a", port: UInt16 = 80) -> ControlRequest {
        .relay(RelayRequest(container: container, port: port, opening: .agent, timeoutInMilliseconds: 100_000))
    }

    @Test func aSocketWaitsForTheAgentUnderAPortThatOnlyThisRequestNames() throws {
        let bench = try SupervisorBench()
        let (_, number) = try bench.run("a", endsWithConnection: false)
        let (near, far) = try UnixSocket.pair()
        let client = try bench.client()
        try client.send(request(), descriptors: [far])
        let (asked, relay) = try bench.request(RelayConnection.self)
        #expect(relay.container == number && relay.port == 80 && relay.timeout == RelayRequest.maxTimeout)
        #expect(bench.machine.vsock.isExpected(relay.hostPort))
        try bench.say(Done(), to: asked)
        #expect(try client.next() == .done)
        withExtendedLifetime(near) {}
    }

    @Test func whatTheAgentCannotReachIsRefusedAndItsSocketClosed() throws {
        let bench = try SupervisorBench()
        _ = try bench.run("a", endsWithConnection: false)
        let (near, far) = try UnixSocket.pair()
        let client = try bench.client()
        try client.send(request(), descriptors: [far])
        let (asked, relay) = try bench.request(RelayConnection.self)
        try bench.say(Failure(code: 111, step: .streams, text: "reach port 80"), to: asked)
        #expect(try client.refusal().reason == .guestFailed)
        #expect(!bench.machine.vsock.isExpected(relay.hostPort))
        withExtendedLifetime(near) {}
    }

    @Test func theEndOfAContainerClosesWhatWaitsForIt() throws {
        let bench = try SupervisorBench()
        let (_, number) = try bench.run("a", endsWithConnection: false)
        let client = try bench.client()
        try client.send(request(), descriptors: [try UnixSocket.pair().0])
        let relay = try bench.request(RelayConnection.self).content
        try bench.say(Exited.bench(number))
        #expect(!bench.machine.vsock.isExpected(relay.hostPort))
        try client.send(request(), descriptors: [try UnixSocket.pair().0])
        #expect(try client.refusal().reason == .wrongState)
    }

    @Test func whatMakesNoSenseIsRefused() throws {
        let bench = try SupervisorBench()
        _ = try bench.run("a", endsWithConnection: false)
        let client = try bench.client()
        try client.send(request("b"), descriptors: [try UnixSocket.pair().0])
        #expect(try client.refusal().reason == .notFound)
        try client.send(request(port: 0), descriptors: [try UnixSocket.pair().0])
        #expect(try client.refusal().reason == .invalid)
        try client.send(request())
        #expect(try client.refusal().reason == .invalid)
    }
}
