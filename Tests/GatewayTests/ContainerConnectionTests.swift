import LinuxSystem
import NIOPosix
import Runtime
import Testing

@testable import Gateway

/// The connection by which a VM holds a container.
@Suite struct ContainerConnectionTests {
    @Test func whatIsClosedIsClosedForTheVMThoughItIsHeld() throws {
        let (near, far) = try UnixSocket.pair()
        let loop = MultiThreadedEventLoopGroup.singleton.next()
        let connection = try ContainerConnection.adopt(ControlConnection(near), request: 1, on: loop) { _ in }
        connection.close()
        #expect(try wait(for: [(far, .hungUp)], timeoutInMilliseconds: 5_000)[0].contains(.hungUp))
        withExtendedLifetime(connection) {}
    }
}
